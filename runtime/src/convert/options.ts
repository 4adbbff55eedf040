/**
 * Options of the explicit conversions, as users write them and as the core reads them.
 * Both spellings that the documents have are accepted (design.md section 2); a wrong type gives one clear TypeError.
 */

/** Options of `toJs`. */
export interface ToJsOptions {
  /** How many layers to convert. Default: all. */
  readonly depth?: number | undefined;
  /** An Array to which every PyProxy that is made is added. */
  readonly pyproxies?: unknown[] | undefined;
  /** Set to false to get a ConversionError instead of PyProxies. */
  readonly create_pyproxies?: boolean | undefined;
  readonly create_proxies?: boolean | undefined;
  readonly createPyproxies?: boolean | undefined;
  /** Makes the result for a dict from an iterable of its pairs. */
  readonly dict_converter?: ((pairs: Iterable<[key: unknown, value: unknown]>) => unknown) | undefined;
  readonly dictConverter?: ((pairs: Iterable<[key: unknown, value: unknown]>) => unknown) | undefined;
  /** Converts objects that have no conversion of their own. */
  readonly default_converter?: DefaultConverter | undefined;
  readonly defaultConverter?: DefaultConverter | undefined;
  /** Asked first about every object that is no immediate value; `convert` gives the object's usual conversion. */
  readonly eager_converter?: DefaultConverter | undefined;
  readonly eagerConverter?: DefaultConverter | undefined;
}

/** Options of `toPy`. */
export interface ToPyOptions {
  /** How many layers to convert. Default: all. */
  readonly depth?: number | undefined;
  readonly defaultConverter?: DefaultConverter | undefined;
  readonly default_converter?: DefaultConverter | undefined;
}

/** Converts what has no conversion of its own; `cacheConversion` is for containers that refer to themselves. */
export type DefaultConverter = (
  value: never,
  convert: (value: unknown) => unknown,
  cacheConversion: (value: unknown, result: unknown) => void,
) => unknown;

/** What the core reads of the options of `toJs`: the rest is undefined. */
export interface CoreToJsOptions {
  readonly pyproxies: unknown[] | undefined;
  readonly create_pyproxies: boolean;
  readonly dict_converter: unknown;
  readonly default_converter: unknown;
  readonly eager_converter: unknown;
}

/** Depth and options for the core; undefined when there is nothing but defaults. */
export function toJsArguments(options: ToJsOptions): { readonly depth: number; readonly forwarded: CoreToJsOptions | undefined } {
  requireObject(options, "toJs({ depth: 1 })");
  const { pyproxies } = options;
  if (pyproxies !== undefined && !Array.isArray(pyproxies)) throw new TypeError("The option `pyproxies` must be an Array");
  const create = options.create_pyproxies ?? options.create_proxies ?? options.createPyproxies ?? true;
  const dictConverter = options.dict_converter ?? options.dictConverter;
  const defaultConverter = options.default_converter ?? options.defaultConverter;
  const eagerConverter = options.eager_converter ?? options.eagerConverter;
  requireFunction(dictConverter, "dict_converter");
  requireFunction(defaultConverter, "default_converter");
  requireFunction(eagerConverter, "eager_converter");
  const isDefault =
    pyproxies === undefined && create && dictConverter === undefined && defaultConverter === undefined && eagerConverter === undefined;
  const forwarded = isDefault
    ? undefined
    : {
        pyproxies,
        create_pyproxies: create,
        dict_converter: dictConverter,
        default_converter: defaultConverter,
        eager_converter: eagerConverter,
      };
  return { depth: depthOf(options.depth), forwarded };
}

/** Depth and converter for the core. */
export function toPyArguments(options: ToPyOptions): { readonly depth: number; readonly converter: DefaultConverter | undefined } {
  requireObject(options, "toPy(value, { depth: 1 })");
  const converter = options.defaultConverter ?? options.default_converter;
  requireFunction(converter, "defaultConverter");
  return { depth: depthOf(options.depth), converter };
}

function depthOf(depth: number | undefined): number {
  if (depth === undefined || depth === Infinity) return -1;
  if (typeof depth !== "number" || Number.isNaN(depth)) throw new TypeError("The option `depth` must be a number");
  return Math.max(-1, Math.min(Math.trunc(depth), 0x7fffffff));
}

function requireObject(options: unknown, example: string): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Options must be an object, as in ${example}`);
  }
}

function requireFunction(value: unknown, name: string): void {
  if (value !== undefined && value !== null && typeof value !== "function") {
    throw new TypeError(`The option \`${name}\` must be a function`);
  }
}
