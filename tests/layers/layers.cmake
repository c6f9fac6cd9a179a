# Fails on an include that goes the wrong way: cmake -DSOURCE=<tree> -P layers.cmake
#
#     analysis ──► sim/log_*.h       main, command_*.c ──► analysis
#                  sim ──► workloads ──► platforms
#
# SimGrid is known to few files of sim alone.

set(may_include_platforms "^platforms/")
set(may_include_workloads "^(workloads/|platforms/(units|fault|schema|data|document|stairs)[.]h$)")
set(may_include_sim "^(sim|workloads|platforms)/")
set(may_include_program "^(sim|workloads|platforms|analysis)/")
set(may_include_analysis "^(analysis/|sim/log_(format|member|cell)[.]h$|platforms/(units|fault)[.]h$|report_resources[.]h$)")

set(program "^sim/(main|command_[a-z]+)[.]c$")
set(knows_simgrid "^sim/(actors|flows|net_meter)[.]c$|^sim/simgrid_compat[.]h$")

get_filename_component(SOURCE ${SOURCE} ABSOLUTE)
set(faults "")
set(includes 0)
foreach(folder platforms workloads sim analysis)
  file(GLOB_RECURSE files RELATIVE ${SOURCE} ${SOURCE}/${folder}/*.[ch])
  foreach(file ${files})
    set(rule ${may_include_${folder}})
    if(file MATCHES "${program}")
      set(rule ${may_include_program})
    endif()
    file(STRINGS ${SOURCE}/${file} lines REGEX "^[ \t]*#[ \t]*include")
    foreach(line ${lines})
      math(EXPR includes "${includes} + 1")
      string(REGEX REPLACE "^[^\"<]*[\"<]([^\">]*).*" "\\1" header "${line}")
      if(line MATCHES "\"")
        if(NOT header MATCHES "${rule}")
          string(APPEND faults "${file}: includes \"${header}\", which is not below ${folder}\n")
        endif()
      elseif(header MATCHES "^(simgrid|xbt|smpi)/" AND NOT file MATCHES "${knows_simgrid}")
        string(APPEND faults "${file}: includes <${header}>; only actors, flows and the clock know SimGrid\n")
      endif()
    endforeach()
  endforeach()
endforeach()

if(includes EQUAL 0)
  message(FATAL_ERROR "${SOURCE}: no includes found")
elseif(faults)
  message(NOTICE "${faults}")
  message(FATAL_ERROR "There are includes that go the wrong way.")
endif()
message("${includes} includes, all the right way")
