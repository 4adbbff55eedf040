#include <stdexcept>
#include <string>
extern "C" void throw_it(int n) { throw std::out_of_range("number " + std::to_string(n)); }
