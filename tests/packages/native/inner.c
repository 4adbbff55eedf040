int inner_value = 40;
int *inner_pointer = &inner_value;
int inner_add(int n) { return *inner_pointer + n; }
