# llama.dll, not libllama.dll: the names that the world's other builds for Windows have, and that are looked for.
set(CMAKE_SHARED_LIBRARY_PREFIX "")
