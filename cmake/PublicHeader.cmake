# Copies one header for users (-DIN -DOUT). Theirs are all under lath/, so that
# no folder called "runtime" or "kernels" stands on their include path.
file(READ "${IN}" text)
string(REGEX REPLACE "#include \"(compiler|runtime|kernels)/"
  "#include \"lath/\\1/" text "${text}")
file(WRITE "${OUT}" "${text}")
