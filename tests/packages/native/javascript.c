/* JavaScript in a side module, as libraries that draw with SDL have it, and a main loop. */
#include <emscripten.h>
#include <emscripten/html5.h>

EM_JS(int, length_in_javascript, (const char *text), { return UTF8ToString(text).length; });
EM_JS(char *, upper_in_javascript, (const char *text), { return stringToNewUTF8(UTF8ToString(text).toUpperCase()); });

int text_length(const char *text) { return length_in_javascript(text); }
char *text_upper(const char *text) { return upper_in_javascript(text); }

static int stored;
int add(int a, double b) {
  int sum = EM_ASM_INT({ HEAP32[$2 >> 2] = $0 + 1; return $0 + $1; }, a, b, &stored);
  return sum * 100 + stored;
}

/* Draws on the canvas of the page, if there is one. */
int draw(int red) {
  return EM_ASM_INT({
    if (!Module["canvas"]) return -1;
    const context = Module["canvas"].getContext("2d");
    context.fillStyle = "rgb(" + $0 + ", 0, 0)";
    context.fillRect(0, 0, 4, 4);
    return Module["canvas"].width;
  }, red);
}

static int ticks;
static void tick(void) {
  draw(++ticks);
  if (ticks == 3) emscripten_cancel_main_loop();
}
int ticks_so_far(void) { return ticks; }
void start_loop(int infinite) {
  ticks = 0;
  emscripten_set_main_loop(tick, 100, infinite);
}
