# The rooms of the house, lowest first. A room is a folder with a README and one library, `tw_TOP_ROOM`; each row names
# the rooms that its files may include, and that its library links. tests/layers checks the includes by this table.
set(tw_rooms
  "platforms/input"
  "platforms/reader       platforms/input"
  "platforms/generate     platforms/input platforms/reader"
  "workloads/input        platforms/input"
  "workloads/models       platforms/input"
  "workloads/draw         platforms/input workloads/input"
  "workloads/stream       platforms/input workloads/input workloads/draw"
  "workloads/formats      platforms/input workloads/input workloads/draw workloads/stream"
  "workloads/traces       platforms/input workloads/input workloads/draw workloads/stream workloads/formats"
  "sim/base"
  "sim/log                platforms/input sim/base"
  "sim/collectives        platforms/input platforms/reader workloads/draw"
  "sim/steptime           platforms/input platforms/reader workloads/input workloads/models sim/base sim/collectives"
  "sim/power              sim/steptime"
  "sim/kv                 workloads/draw sim/base sim/steptime"
  "sim/engine             sim/base sim/steptime sim/power sim/kv"
  "sim/router             platforms/input workloads/draw sim/base"
  "sim/placement          platforms/input platforms/reader sim/collectives sim/steptime"
  "sim/training           platforms/input platforms/reader workloads/models sim/collectives sim/steptime sim/placement"
  "sim/network            platforms/input platforms/reader workloads/draw sim/base sim/collectives sim/log"
  "sim/scenario           platforms/input platforms/reader workloads/input workloads/stream workloads/traces sim/steptime sim/power sim/engine sim/router sim/placement sim/training workloads/models sim/base"
  "sim/forecast           platforms/input platforms/reader workloads/models sim/steptime sim/power sim/router sim/scenario"
  "sim/energy             sim/log sim/engine sim/scenario"
  "sim/site               workloads/draw workloads/stream sim/base sim/log sim/kv sim/engine sim/network sim/placement sim/training sim/scenario sim/energy"
  "sim/world              platforms/input workloads/stream sim/base sim/log sim/router sim/scenario sim/site"
  "sim/run                platforms/input platforms/reader workloads/input workloads/stream sim/log sim/network sim/scenario sim/forecast sim/energy sim/site sim/world"
  "sim/calibrate          platforms/input workloads/input sim/base sim/engine sim/scenario sim/site"
  "analysis/log           platforms/input sim/log"
  "analysis/show          platforms/input sim/log analysis/log"
  "analysis/explain       platforms/input sim/base sim/log analysis/log"
  "analysis/report        platforms/input sim/base sim/log analysis/log analysis/explain"
  "analysis/compare       platforms/input sim/log analysis/log analysis/report"
  "sim/launchers               platforms/input sim/scenario analysis/log"
  "sim/planner            platforms/input platforms/reader platforms/generate workloads/models workloads/stream workloads/traces sim/steptime sim/engine sim/router sim/scenario analysis/log analysis/report sim/launchers"
  "sim/what_if            platforms/input platforms/reader sim/router sim/scenario analysis/log sim/launchers sim/planner"
  "sim/sweep              platforms/input workloads/draw sim/log sim/scenario analysis/report analysis/compare"
  "sim/commands           platforms/input platforms/generate workloads/draw workloads/stream workloads/formats workloads/traces sim/log sim/network sim/scenario sim/forecast sim/run sim/launchers sim/planner sim/what_if sim/sweep sim/calibrate analysis/log analysis/show analysis/explain analysis/report analysis/compare")

# Wings: folders inside of a room, which belong to its library, and whose files may include what those of the room may.
set(tw_wings "sim/network/flows" "sim/site/failures" "sim/site/jobs")

# What may be included besides, by rooms that match.
set(tw_shared_headers "^workloads/request[.]h$")
# The files that know SimGrid.
set(tw_knows_simgrid "^sim/run/driver[.]c$|^sim/network/(simgrid_start|net_benchmark)[.]c$|^sim/network/flows/(flows|flows_links|flows_time|link_table|routes)[.]c$|^sim/network/flows/(link_table|routes)[.]h$|^sim/network/flows/(carrier|zone_links)[.](h|cpp)$|^sim/network/simgrid_compat[.]h$")

# Makes the library of each room under `top`, and tw_TOP, which is all of them. Libraries from outside that some rooms
# need follow as ROOM=TARGET.
function(tw_add_rooms top)
  add_library(tw_${top} INTERFACE)
  foreach(row ${tw_rooms})
    string(REGEX MATCHALL "[^ ]+" names ${row})
    list(POP_FRONT names room)
    if(NOT room MATCHES "^${top}/(.*)" OR room STREQUAL "sim/commands")
      continue()
    endif()
    set(folder ${CMAKE_MATCH_1})
    set(folders ${tw_wings})
    list(FILTER folders INCLUDE REGEX "^${room}/")
    list(TRANSFORM folders PREPEND ${PROJECT_SOURCE_DIR}/)
    list(APPEND folders ${PROJECT_SOURCE_DIR}/${room})
    list(TRANSFORM folders APPEND /*.c OUTPUT_VARIABLE in_c)
    list(TRANSFORM folders APPEND /*.cpp OUTPUT_VARIABLE in_cpp)
    file(GLOB sources CONFIGURE_DEPENDS ${in_c} ${in_cpp})
    string(REPLACE "/" "_" target tw_${room})
    add_library(${target} ${sources})
    target_link_libraries(${target} PUBLIC tw_options PkgConfig::GLIB m)
    if(room MATCHES "${TW_ROOMS_WITH_OPTIONS}")
      target_compile_options(${target} PRIVATE ${TW_ROOM_OPTIONS})
      target_link_options(${target} PRIVATE ${TW_ROOM_OPTIONS})
    endif()
    target_link_libraries(tw_${top} INTERFACE ${target})
    foreach(below ${names})
      string(REPLACE "/" "_" library tw_${below})
      target_link_libraries(${target} PUBLIC ${library})
    endforeach()
    foreach(extra ${ARGN})
      if(extra MATCHES "^${folder}=(.*)")
        target_link_libraries(${target} PRIVATE ${CMAKE_MATCH_1})
      endif()
    endforeach()
  endforeach()
endfunction()
