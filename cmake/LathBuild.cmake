# What all targets share: tools, flags, LLVM, the version header.

# --- Tools -----------------------------------------------------------------

if(LATH_CCACHE)
  find_program(LATH_CCACHE_PROGRAM ccache)
  if(LATH_CCACHE_PROGRAM)
    # The sloppiness that ccache asks for before it handles precompiled headers.
    set(launcher "${CMAKE_COMMAND};-E;env"
        "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime"
        "${LATH_CCACHE_PROGRAM}")
    set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  endif()
endif()

find_program(LATH_LLD NAMES ld.lld-22 ld.lld PATHS /usr/lib/llvm-22/bin)
if(LATH_LLD)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_link_options("--ld-path=${LATH_LLD}")
  else()
    add_link_options(-fuse-ld=lld)
  endif()
endif()

# --- LLVM and MLIR -----------------------------------------------------------

# The version file of MLIR matches major.minor, so "22" alone is rejected.
find_package(MLIR 22.1 CONFIG QUIET HINTS /usr/lib/llvm-22)
if(NOT MLIR_FOUND)
  message(FATAL_ERROR "MLIR 22 was not found; expected /usr/lib/llvm-22 or MLIR_DIR. "
    "On Debian and Ubuntu tools/setup installs what a build needs, or:\n"
    "  apt-get install libmlir-22-dev llvm-22-dev mlir-22-tools llvm-22-tools clang-22 lld-22 "
    "zlib1g-dev libzstd-dev libfmt-dev libxxhash-dev libsqlite3-dev libcli11-dev "
    "nlohmann-json3-dev\n")
endif()
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
set(LLVM_EXTERNAL_LIT "${LLVM_TOOLS_BINARY_DIR}/lit" CACHE STRING "Command used to spawn lit")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
include(StaticMLIR)
separate_arguments(LATH_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
list(REMOVE_DUPLICATES MLIR_INCLUDE_DIRS)

find_package(fmt REQUIRED)
add_library(lath_fmt INTERFACE)
# Debian ships no archive of fmt.
target_link_libraries(lath_fmt INTERFACE
  $<IF:$<BOOL:${LATH_STATIC_LLVM}>,fmt::fmt-header-only,fmt::fmt>)
find_package(CLI11 REQUIRED)

# The tuning database. In a program its archive, so that one file still runs
# anywhere; Debian's archive is not position independent enough for a library.
add_library(lath_sqlite INTERFACE)
find_library(LATH_SQLITE NAMES sqlite3 REQUIRED)
if(LATH_STATIC_LLVM)
  find_library(LATH_SQLITE_ARCHIVE NAMES libsqlite3.a REQUIRED)
  target_link_libraries(lath_sqlite INTERFACE
    "$<IF:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>,${LATH_SQLITE_ARCHIVE},${LATH_SQLITE}>"
    m ${CMAKE_DL_LIBS})
else()
  target_link_libraries(lath_sqlite INTERFACE "${LATH_SQLITE}")
endif()

# Patterns of layer names in the configurations of checkpoints, likewise.
add_library(lath_pcre INTERFACE)
find_library(LATH_PCRE NAMES pcre2-8 REQUIRED)
if(LATH_STATIC_LLVM)
  find_library(LATH_PCRE_ARCHIVE NAMES libpcre2-8.a REQUIRED)
  target_link_libraries(lath_pcre INTERFACE
    "$<IF:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>,${LATH_PCRE_ARCHIVE},${LATH_PCRE}>")
else()
  target_link_libraries(lath_pcre INTERFACE "${LATH_PCRE}")
endif()

# --- Flags -------------------------------------------------------------------

add_library(lath_flags INTERFACE)
target_include_directories(lath_flags INTERFACE
  "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}")
target_compile_options(lath_flags INTERFACE
  -Wall -Wextra -Wno-unused-parameter
  $<$<CONFIG:Release>:-ffunction-sections;-fdata-sections>)
target_link_options(lath_flags INTERFACE
  $<$<CONFIG:Release>:-Wl,--gc-sections>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Without it a precompiled header holds times and ccache never hits.
  target_compile_options(lath_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
endif()

# For targets that include MLIR and LLVM headers.
add_library(lath_mlir_headers INTERFACE)
target_include_directories(lath_mlir_headers SYSTEM INTERFACE
  ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_compile_options(lath_mlir_headers INTERFACE ${LATH_LLVM_DEFINITIONS})

# --- Version -----------------------------------------------------------------

# <build>/LathVersion.h never changes by itself. The values behind it live in
# one small file, rewritten at build time when they changed.
configure_file("${PROJECT_SOURCE_DIR}/cmake/LathVersion.h.in"
  "${PROJECT_BINARY_DIR}/LathVersion.h" COPYONLY)
add_custom_target(lath-version
  COMMAND "${CMAKE_COMMAND}"
    "-DSOURCE=${PROJECT_SOURCE_DIR}" "-DOUTPUT=${PROJECT_BINARY_DIR}/LathVersion.cpp"
    "-DVERSION=${PROJECT_VERSION}" "-DLLVM=${LLVM_PACKAGE_VERSION}"
    -P "${PROJECT_SOURCE_DIR}/cmake/WriteVersion.cmake"
  BYPRODUCTS "${PROJECT_BINARY_DIR}/LathVersion.cpp"
  COMMENT "Checking the build id" VERBATIM)
add_library(lath_version STATIC "${PROJECT_BINARY_DIR}/LathVersion.cpp")
add_dependencies(lath_version lath-version)
target_link_libraries(lath_version PRIVATE lath_flags)

# lath_library(name SOURCES sources... LINK targets...): a static library, or nothing while
# its folder has no sources.
function(lath_library name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  if(NOT A_SOURCES)
    message(STATUS "Lath: ${name} has no sources yet")
    return()
  endif()
  add_library(${name} STATIC ${A_SOURCES})
  target_link_libraries(${name} PUBLIC lath_flags lath_version ${A_LINK})
endfunction()

# lath_executable(name SOURCES sources... LINK targets...): likewise, and
# skipped as well while a target it links is missing.
function(lath_executable name)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  if(NOT A_SOURCES)
    message(STATUS "Lath: ${name} has no sources yet")
    return()
  endif()
  foreach(library ${A_LINK})
    if(library MATCHES "^lath_(compiler|runtime|kernels)$" AND NOT TARGET ${library})
      message(STATUS "Lath: ${name} is skipped, ${library} does not exist yet")
      return()
    endif()
  endforeach()
  add_executable(${name} ${A_SOURCES})
  # Not liblath.so: what it throws has to be of its user's C++ library.
  if(LATH_STATIC_LLVM)
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc -s)
  endif()
  target_link_libraries(${name} PRIVATE lath_flags ${A_LINK})
endfunction()
