/* bzip2 without stdio leaves its "this cannot happen" report to the program; bzip2-sys has it in Rust, which
 * nothing links here (see lib.rs). A broken invariant of the library is a fatal error. */

#include <stdio.h>
#include <stdlib.h>

void bz_internal_error(int code) {
  fprintf(stderr, "libbzip2: internal error %d\n", code);
  abort();
}
