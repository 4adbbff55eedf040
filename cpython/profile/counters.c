/* Of the build with counters only: what the link of the main module gets from the core, and how the counts are saved.
 *
 * The profile runtime finds the variable instead of linking its own, which would open a file at the start.
 */

int __llvm_profile_runtime;

void __llvm_profile_set_filename(const char *name);
int __llvm_profile_write_file(void);

int
write_counters(void)
{
    __llvm_profile_set_filename("/counters.profraw");
    return __llvm_profile_write_file();
}

/* Asked from some depth of recursion on (0010). */
int
pyox_js_stack_has_room(void)
{
    return 1;
}

/* Called where the evaluation loop is left and entered again (0010). */
void
pyoxide_host_turn(void)
{
}
