# Fails on a source of more than 500 lines, and on a folder of more than 28 files of code: cmake -DSOURCE=<tree> -P
# sizes.cmake. -DLINES=<n> and -DFILES=<n> set other limits.
#
# Folders in which many small files stand side by side may hold more; each is named here with its reason.

cmake_minimum_required(VERSION 3.22)
get_filename_component(SOURCE ${SOURCE} ABSOLUTE)
set(many
  "sim/commands"  # one file a command
  "sim/network"   # flows, what they run on, and what records them
  "sim/site")     # one pair of files a part of the site
if(NOT DEFINED LINES)
  set(LINES 500)
endif()
if(NOT DEFINED FILES)
  set(FILES 28)
endif()
set(faults "")
set(sources 0)
foreach(top platforms workloads sim analysis tests)
  file(GLOB_RECURSE files RELATIVE ${SOURCE} ${SOURCE}/${top}/*.c ${SOURCE}/${top}/*.h ${SOURCE}/${top}/*.cpp)
  foreach(file ${files})
    if(file MATCHES "^tests/layers/wrong/")
      continue()
    endif()
    math(EXPR sources "${sources} + 1")
    get_filename_component(folder ${file} DIRECTORY)
    string(MAKE_C_IDENTIFIER ${folder} id)
    list(APPEND folders ${folder})
    math(EXPR files_${id} "0${files_${id}} + 1")
    file(READ ${SOURCE}/${file} text)
    string(REGEX REPLACE "[^\n]+" "" ends "${text}")
    string(LENGTH "${ends}" lines)
    if(lines GREATER LINES)
      string(APPEND faults "${file}: has ${lines} lines, more than ${LINES}; give what is a subject of its own a file\n")
    endif()
  endforeach()
endforeach()
list(REMOVE_DUPLICATES folders)
foreach(folder ${folders})
  string(MAKE_C_IDENTIFIER ${folder} id)
  if(files_${id} GREATER FILES AND NOT folder IN_LIST many)
    string(APPEND faults "${folder}: holds ${files_${id}} files of code, more than ${FILES}; make it two rooms\n")
  endif()
endforeach()

if(sources EQUAL 0)
  message(FATAL_ERROR "${SOURCE}: no sources found")
elseif(faults)
  message(NOTICE "${faults}")
  message(FATAL_ERROR "There are sources or folders that are too large.")
endif()
message("${sources} sources, none too large")
