# Fails on a struct, union or enum whose tag is defined twice: cmake -DSOURCE=<tree> -P tags.cmake
#
# Two headers that define one tag differently compile as long as no file includes both, and a wrong member then goes
# unseen. Tags without the prefix tw_ are private to their source, and may repeat.

cmake_minimum_required(VERSION 3.22)
get_filename_component(SOURCE ${SOURCE} ABSOLUTE)
set(faults "")
set(tags 0)
foreach(top platforms workloads sim analysis)
  file(GLOB_RECURSE files RELATIVE ${SOURCE} ${SOURCE}/${top}/*.[ch])
  foreach(file ${files})
    file(STRINGS ${SOURCE}/${file} lines REGEX "^(typedef )?(struct|union|enum) tw_[a-z0-9_]+ {")
    foreach(line ${lines})
      math(EXPR tags "${tags} + 1")
      string(REGEX REPLACE ".*(struct|union|enum) (tw_[a-z0-9_]+) {.*" "\\2" tag "${line}")
      if(DEFINED defined_${tag})
        string(APPEND faults "${file}: defines ${tag}, as ${defined_${tag}} does; rename one of them\n")
      endif()
      set(defined_${tag} ${file})
    endforeach()
  endforeach()
endforeach()

if(tags EQUAL 0)
  message(FATAL_ERROR "${SOURCE}: no tags found")
elseif(faults)
  message(NOTICE "${faults}")
  message(FATAL_ERROR "There are tags that are defined twice.")
endif()
message("${tags} tags, each defined once")
