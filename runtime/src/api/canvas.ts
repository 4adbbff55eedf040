/**
 * `pyodide.canvas`: which canvas element SDL programs draw on.
 * Not here: drawing.
 * Invariant: there is one canvas; the 2D and 3D functions name the same.
 */

import type { EmscriptenModule } from "../emscripten/module";

export interface CanvasInterface {
  setCanvas2D(canvas: HTMLCanvasElement): void;
  getCanvas2D(): HTMLCanvasElement | undefined;
  setCanvas3D(canvas: HTMLCanvasElement): void;
  getCanvas3D(): HTMLCanvasElement | undefined;
}

export function makeCanvas(module: Pick<EmscriptenModule, "canvas">): CanvasInterface {
  const get = (): HTMLCanvasElement | undefined => module.canvas as HTMLCanvasElement | undefined;
  const set = (canvas: HTMLCanvasElement): void => {
    module.canvas = canvas;
  };
  return { setCanvas2D: set, getCanvas2D: get, setCanvas3D: set, getCanvas3D: get };
}
