extern int is_even(int);
extern int even_calls;
int odd_calls;
int *odd_sees = &even_calls;
int (*odd_next)(int) = is_even;
int is_odd(int n) { odd_calls++; return n == 0 ? 0 : odd_next(n - 1); }
int calls_of_even(void) { return *odd_sees; }
