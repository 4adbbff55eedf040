# Builds the side modules of side-modules.test.mjs. Arguments: this folder, out. Run by `cargo xtask step test-side-modules`.
sources=$1 out=$2
side() { # name, source, more arguments
  name=$1 source=$2
  shift 2
  emcc -O1 -fPIC -fwasm-exceptions -sSUPPORT_LONGJMP=wasm -sSIDE_MODULE=1 "$sources/$source" -o "$out/$name" "$@"
}
# A library that finds another one beside it, as wheels with a `.libs` folder do.
mkdir -p "$out/pair.libs" "$out/pair"
side pair.libs/libinner.so inner.c
side pair/outer.so outer.c -Wl,-rpath,'$ORIGIN/../pair.libs' "$out/pair.libs/libinner.so"
# The same library from another folder.
mkdir -p "$out/pair/deeper"
side pair/deeper/other.so outer.c -Wl,-rpath,'$ORIGIN/../../pair.libs' "$out/pair.libs/libinner.so"
# Two that need each other: the first one is linked without the second, then again with it.
mkdir -p "$out/cycle"
side cycle/libeven.so even.c
side cycle/libodd.so odd.c -Wl,-rpath,'$ORIGIN' "$out/cycle/libeven.so"
side cycle/libeven.so even.c -Wl,-rpath,'$ORIGIN' "$out/cycle/libodd.so"
side missing-address.so missing.c -DADDRESS
side missing-call.so missing.c -DCALL
side libneeds.so outer.c "$out/pair.libs/libinner.so"
side libthrow.so throw.cpp
side catch.so catch.cpp -Wl,-rpath,'$ORIGIN' "$out/libthrow.so"
side uses-sqlite.so uses-sqlite.c
side javascript.so javascript.c
side weak.cpython-314-wasm32-emscripten.so weak.cpp
side eager.cpython-314-wasm32-emscripten.so eager.cpp
