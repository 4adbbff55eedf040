extern int is_odd(int);
extern int odd_calls;
int even_calls;
int *even_sees = &odd_calls;
int (*even_next)(int) = is_odd;
int is_even(int n) { even_calls++; return n == 0 ? 1 : even_next(n - 1); }
int calls_of_odd(void) { return *even_sees; }
