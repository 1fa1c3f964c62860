// liblath.so consists of archives; CMake wants a source.
