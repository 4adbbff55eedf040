extern int pyox_nobody_has_this(int);
#ifdef ADDRESS
int (*pointer)(int) = pyox_nobody_has_this;
int use(int n) { return pointer(n); }
#else
int use(int n) { return n == 0 ? 7 : pyox_nobody_has_this(n); }
#endif
