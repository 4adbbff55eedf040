/* A library of the platform that the standard library keeps in a side module of its own. */
extern int sqlite3_libversion_number(void);
extern const char *sqlite3_errstr(int);

const char *(*const by_address)(int) = sqlite3_errstr;

int version(void) { return sqlite3_libversion_number(); }

const char *text(void) { return by_address(0); }
