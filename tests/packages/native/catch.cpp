#include <cstring>
#include <stdexcept>
extern "C" void throw_it(int n);
static int destroyed;
struct Guard { ~Guard() { destroyed++; } };
extern "C" int catch_it(int n, char *text) {
  try {
    Guard guard;
    throw_it(n);
  } catch (const std::logic_error &error) {
    std::strcpy(text, error.what());
    return destroyed;
  }
  return -1;
}
