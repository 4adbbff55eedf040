extern int inner_value;
extern int inner_add(int);
/* Two addresses of another library, put in when this one is loaded. */
int *outer_pointer = &inner_value;
int (*outer_function)(int) = inner_add;
static int ready;
__attribute__((constructor)) static void start(void) { ready = outer_function(1); }
int outer_sum(void) { return *outer_pointer + outer_function(2) + ready; }
