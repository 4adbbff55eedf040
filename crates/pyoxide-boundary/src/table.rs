//! The rows. Edit here, then run `cargo xtask codegen`.
//!
//! Ownership, unless a row says otherwise: a handle or pointer passed as a parameter is borrowed for the call; a
//! handle or pointer returned is owned by the receiver. Inside a `WireValue` ownership follows the tag.
//!
//! Failure: an import that fails keeps what was thrown (the *pending JavaScript error*) and returns the failure value
//! of its type; Rust turns it into a Python exception with `pyox_js_error_take`. An export that fails stores the error to
//! throw with `pyox_js_error_set_python` or `pyox_js_error_set_fatal` and returns the failure value; its caller throws it.

/// Calls `$callback!` with the functions that JavaScript gives to wasm.
#[macro_export]
macro_rules! for_each_js_import {
    ($callback:ident) => { $callback! {
        // ---- handles and errors -------------------------------------------------------------------------------
        /// Frees a slot of the handle table. Reserved handles are left alone.
        pyox_js_handle_drop(handle: Handle);
        /// A second handle to the same value. Reserved handles come back as they are.
        pyox_js_handle_clone(handle: Handle) -> Handle;
        /// Takes the pending JavaScript error out: a handle to what was thrown, whatever it is. 0 if nothing is pending.
        pyox_js_error_take() -> Handle;
        /// If the thrown value is a `PythonError` of this interpreter: the serial number of its exception; `ERROR_IS_RECURSION` if the two
        /// languages called each other too deeply; `ERROR_IS_MEMORY` if something does not fit into linear memory; else 0.
        pyox_js_error_serial(error: Handle) -> U32;
        /// Makes a `PythonError` the pending error. `type_name` and `message` are strings on the wire, `serial` names the
        /// exception (see `pyox_js_error_serial`), `cause` is the JavaScript error behind it or 0.
        pyox_js_error_set_python(type_name: Wire, message: Wire, serial: U32, cause: Handle);
        /// A handle to a `PythonError`, without throwing it (for promises). Parameters as in `pyox_js_error_set_python`.
        pyox_js_error_new(type_name: Wire, message: Wire, serial: U32, cause: Handle) -> Handle;
        /// Makes what was thrown before, kept by a handle, the error that the export throws.
        pyox_js_error_set_thrown(error: Handle);
        /// The JavaScript functions that an error passed since Python called JavaScript, innermost first: a string of lines, three for each
        /// (name, file, line number); undefined if it tells nothing.
        pyox_js_error_frames(error: Handle, out: Wire) -> Tag;
        /// A panic or broken invariant: makes a fatal error pending and marks the instance as dead. `message` is UTF-8.
        pyox_js_error_set_fatal(message: Address, length: U32);

        // ---- values ---------------------------------------------------------------------------------------------
        /// A handle to the value on the wire (a string or a number, or a new PyProxy). Not a call: lifetimes are the owner's.
        pyox_js_value_new(value: Wire) -> Handle;
        /// Puts a handle's value on the wire as a call result would be: numbers, strings, PyProxies of this interpreter unwrapped.
        pyox_js_value_read(handle: Handle, out: Wire) -> Tag;
        /// The capability flags (`JS_IS_*`) of a value. Never fails: what throws when looked at has no capability.
        pyox_js_value_flags(handle: Handle) -> U32;
        /// `a === b`.
        pyox_js_value_equals(a: Handle, b: Handle) -> Tri;
        /// `a < b` (0), `a <= b` (1), `a > b` (4) or `a >= b` (5), by CPython's numbers of the operations.
        pyox_js_value_compare(a: Handle, b: Handle, operation: U32) -> Tri;
        /// False for falsy values and for empty containers (`length`, `size` or `byteLength` 0; never functions), else true.
        pyox_js_value_truthy(handle: Handle) -> Tri;
        /// `typeof`, as a string.
        pyox_js_value_typeof(handle: Handle, out: Wire) -> Tag;
        /// `x.toString()`; `Object.prototype.toString` where there is no such method.
        pyox_js_value_to_string(handle: Handle, out: Wire) -> Tag;
        /// A number that is the same for the same object, and for no other while both live.
        pyox_js_value_id(handle: Handle) -> F64;
        /// `new WeakRef(value)`.
        pyox_js_value_weak(handle: Handle) -> Handle;

        // ---- attributes and items -----------------------------------------------------------------------------
        /// `object[name]`, `name` being a handle to a string. When the value is undefined and there is no such property
        /// (`in`): `TAG_ABSENT`. Fails with whatever the getter threw.
        pyox_js_object_get(object: Handle, name: Handle, out: Wire) -> Tag;
        /// `object[name] = value`.
        pyox_js_object_set(object: Handle, name: Handle, value: Wire) -> Status;
        /// `delete object[name]`; 0 when there was no such property.
        pyox_js_object_delete(object: Handle, name: Handle) -> Tri;
        /// An Array of every property name along the prototype chain, no symbols, no array indices, no doubles.
        pyox_js_object_dir(object: Handle) -> Handle;
        /// `Object.keys` (0), `Object.values` (1) or `Object.entries` (2).
        pyox_js_object_list(object: Handle, what: U32) -> Handle;
        /// Number of entries: `length`, `size`, own keys of an object map (`JS_IS_OBJECT_MAP` in `flags`).
        pyox_js_object_length(object: Handle, flags: U32) -> Count;
        /// `object.get(key)` for maps, `object[key]` for object maps (own properties only). `TAG_ABSENT` when there is no such key.
        pyox_js_item_get(object: Handle, flags: U32, key: Wire, out: Wire) -> Tag;
        /// `object.set(key, value)`, or `object[key] = value` for object maps.
        pyox_js_item_set(object: Handle, flags: U32, key: Wire, value: Wire) -> Status;
        /// `object.delete(key)`, or `delete object[key]` for object maps; 0 when there was no such key.
        pyox_js_item_delete(object: Handle, flags: U32, key: Wire) -> Tri;
        /// `object.has(key)`, else `object.includes(key)`; own key for object maps.
        pyox_js_item_has(object: Handle, flags: U32, key: Wire) -> Tri;
        /// `array[index]`, a negative index counting from the end; `TAG_ABSENT` out of bounds.
        pyox_js_array_get(array: Handle, index: I32, out: Wire) -> Tag;
        /// `array[index] = value`; the index is within bounds.
        pyox_js_array_set(array: Handle, index: U32, value: Wire) -> Status;
        /// A slice as Python's `slice.indices` gives it: a new Array of `count` elements.
        pyox_js_array_slice(array: Handle, start: I32, step: I32, count: U32) -> Handle;
        /// Deletes those elements (an Array only: typed arrays and node lists throw).
        pyox_js_array_slice_delete(array: Handle, start: I32, step: I32, count: U32) -> Status;
        /// Replaces `count` elements from `start` on by `values` (step 1), or assigns them one by one (another step, equal counts).
        pyox_js_array_slice_set(array: Handle, start: I32, step: I32, count: U32, values: Wire, values_count: U32) -> Status;

        // ---- calls ------------------------------------------------------------------------------------------------
        /// `function.call(this, ...args, kwargs?)`. `args` are `args_count + kwargs_count` values, `kwnames` the names of the last
        /// `kwargs_count`, which become one object, the last argument. PyProxies made for the arguments live until the
        /// call returns, or until the promise or generator that it returns is done (features TT-097 to TT-100).
        pyox_js_function_call(function: Handle, this: Handle, args: Wire, args_count: U32, kwnames: Wire, kwargs_count: U32, out: Wire) -> Tag;
        /// `new constructor(...args, kwargs?)`.
        pyox_js_function_construct(constructor: Handle, args: Wire, args_count: U32, kwnames: Wire, kwargs_count: U32, out: Wire) -> Tag;
        /// `object[name](...args)`, for the core's own use. Arguments as for a call. The names `@@dispose` and `@@asyncDispose` mean the symbols.
        pyox_js_method_call(object: Handle, name: Handle, args: Wire, args_count: U32, out: Wire) -> Tag;

        // ---- iteration --------------------------------------------------------------------------------------------
        /// `object[Symbol.iterator]()` (0) or `object[Symbol.asyncIterator]()` (1).
        pyox_js_iterator_new(object: Handle, asynchronous: U32, out: Wire) -> Tag;
        /// `iterator.next(value)`: 1 and a value in `out`; 0 when done, `out` then being the return value. The tag is in `out`.
        pyox_js_iterator_next(iterator: Handle, value: Wire, out: Wire) -> Tri;
        /// `iterator.throw(error)` (0) or `iterator.return(value)` (1), results as for next.
        pyox_js_iterator_finish(iterator: Handle, how: U32, value: Wire, out: Wire) -> Tri;

        // ---- asynchrony -------------------------------------------------------------------------------------------
        /// `Promise.resolve(promise).then(...)`: when it settles, `pyox_py_future_settle` is called with `future`, which it owns from now on.
        pyox_js_promise_watch(promise: Handle, future: PyPtr) -> Status;
        /// Runs `callback` (owned from now on) from a macrotask, `delay_ms` from now, through `pyox_py_callback_run`.
        /// Returns a number for `pyox_js_callback_cancel`.
        pyox_js_callback_schedule(callback: PyPtr, delay_ms: F64) -> U32;
        /// Forgets a scheduled callback and frees it. Nothing happens when it has run.
        pyox_js_callback_cancel(id: U32);

        // ---- proxies ----------------------------------------------------------------------------------------------
        /// A PyProxy with explicit lifetime, for `create_proxy`: owns one reference to `object`. `flags` are `PY_HAS_*` and `PYPROXY_*`.
        pyox_js_proxy_new(object: PyPtr, flags: U32) -> Handle;
        /// A function that may be called once (`create_once_callable`): owns one reference to `object`.
        pyox_js_proxy_once(object: PyPtr) -> Handle;
        /// Destroys a PyProxy. `message` is a string on the wire, or undefined.
        pyox_js_proxy_destroy(proxy: Handle, message: Wire) -> Status;
        /// Destroys all PyProxies of an Array.
        pyox_js_proxy_destroy_all(array: Handle) -> Status;
        /// The object of a PyProxy (borrowed), or 0 when the value is no live PyProxy of this interpreter.
        pyox_js_proxy_unwrap(handle: Handle) -> PyPtr;

        // ---- buffers ----------------------------------------------------------------------------------------------
        /// Describes an ArrayBuffer or view in `out` as `[byteLength, item size, ASCII code of the struct format]`, three u32.
        pyox_js_buffer_info(buffer: Handle, out: Address) -> Status;
        /// Copies the bytes of an ArrayBuffer or view to memory (`length` must be its byteLength).
        pyox_js_buffer_read(buffer: Handle, to: Address, length: U32) -> Status;
        /// Copies memory into an ArrayBuffer or view (`length` must be its byteLength).
        pyox_js_buffer_write(buffer: Handle, from: Address, length: U32) -> Status;
        /// `new TextDecoder(encoding).decode(buffer)`; `encoding` is a string on the wire or undefined.
        pyox_js_buffer_decode(buffer: Handle, encoding: Wire, out: Wire) -> Tag;
        /// A new typed array (by struct format character) with a copy of the memory.
        pyox_js_buffer_new(from: Address, length: U32, format: U32) -> Handle;

        // ---- bulk conversion --------------------------------------------------------------------------------------
        /// Builds the JavaScript value that a tape of `length` bytes describes (see `TAPE_*`). `options` is a handle to the
        /// conversion's options object, or 0. The result is always a `TAG_HANDLE_OWNED`, so that a PyProxy is not unwrapped.
        pyox_js_tape_play(tape: Address, length: U32, options: Handle, out: Wire) -> Tag;
        /// Writes the tape of a JavaScript value (to_py): the address, in memory of `pyox_py_memory_alloc` that the caller frees; its length is
        /// stored at `length_out`.
        pyox_js_tape_record(value: Handle, depth: I32, options: Handle, length_out: Address) -> Address;

        // ---- host -------------------------------------------------------------------------------------
        /// Indirect `eval`: runs in the global scope of the page.
        pyox_js_code_eval(source: Wire, out: Wire) -> Tag;
        /// Suspends this stack until the promise settles (JSPI), which may be at once; for no promise (0), for one turn of the host's event loop.
        /// `stack` names the stack. Never fails.
        pyox_js_stack_suspend(promise: Handle, stack: Address) -> Status;
        /// Asks for a turn of the host's event loop, for which `pyox_js_stack_suspend` is called next, with no promise. 0 if the host cannot give one.
        pyox_js_stack_turn(stack: Address) -> Tri;
        /// What the promise settled with for which this stack was suspended; `TAG_ABSENT` if it has not, but there is a signal to handle. Fails
        /// when the promise was rejected.
        pyox_js_stack_result(stack: Address, out: Wire) -> Tag;
        /// Lets a stack that waits go on before its promise settles, as for a signal.
        pyox_js_stack_wake(stack: Address);
        /// A stack has ended that had a turn.
        pyox_js_stack_end(stack: Address);
        /// Calls `pyox_py_job_run(job)` on the stack that JavaScript runs on, if there is room for a call.
        pyox_js_stack_leave(job: Address);
        /// Blocks this thread for a time, if the host can do that without computing: 1, else 0.
        pyox_js_host_sleep(ms: F64) -> Tri;
        /// A promise that is resolved in `ms` milliseconds; with a negative number, never.
        pyox_js_promise_timer(ms: F64) -> Handle;
        /// Can this stack be suspended?
        pyox_js_stack_can_suspend() -> Tri;
        /// Has the engine's own stack room for what CPython may do before it asks again? Called by CPython (`cpython/0003-*.patch`), on a stack
        /// that cannot be suspended. Never fails.
        pyox_js_stack_has_room() -> Tri;
    } };
}

/// Calls `$callback!` with the functions that wasm gives to JavaScript.
#[macro_export]
macro_rules! for_each_py_export {
    ($callback:ident) => { $callback! {
        // ---- life ----------------------------------------------------------------------------------------------------
        /// `TABLE_HASH` of the wasm half.
        pyox_py_table_hash() -> U32;
        /// Address of the arena: `ARENA_BYTES` of memory in which JavaScript builds the wire values and short strings of a call,
        /// last in first out.
        pyox_py_arena_address() -> Address;
        /// `malloc`; 0 when there is no memory left.
        pyox_py_memory_alloc(bytes: U32) -> Address;
        /// `free`.
        pyox_py_memory_free(address: Address);
        /// Starts Python. `argv` are strings, argv[0] included; `flags` are `START_*`. A positive status is an exit code plus 1: what `argv` asked
        /// for (such as `--version`) is done, and there is no interpreter.
        pyox_py_interpreter_start(argv: Wire, argv_count: U32, flags: U32) -> Status;
        /// Instead of `start`, when linear memory was put back from a snapshot: sets the flags, and the number of references that JavaScript
        /// holds.
        pyox_py_interpreter_resume(flags: U32, references: U32);
        /// After `resume`, before anybody uses Python: makes fresh what belongs to a process. The strings are all its variables, as `NAME=value`.
        pyox_py_interpreter_refresh(variables: Wire, count: U32) -> Status;
        /// For the `python` command after `resume`: gives the interpreter its arguments, argv[0] included. Before `-c`, `-m`, `-` or
        /// the path of a program there may be `-u`, `-B` and `-s`; all other options are decided while an interpreter starts.
        pyox_py_interpreter_set_arguments(argv: Wire, argv_count: U32) -> Status;
        /// Fills the free blocks of the heap with zeros, before linear memory is saved.
        pyox_py_memory_sweep();
        /// `Py_RunMain`: runs what argv asks for, finalizes, gives the exit code. For the `python` command only.
        pyox_py_interpreter_run_main() -> I32;
        /// As `pyox_py_interpreter_run_main`, on a stack that may be suspended: to be called through `WebAssembly.promising`.
        pyox_py_interpreter_run_main_suspendable() -> I32;
        /// Number of Python objects held by JavaScript through references that this table handed out, for leak checks.
        pyox_py_interpreter_references() -> U32;

        /// Number of handles that the cache of attribute names holds: they are no leak, the cache is bounded.
        pyox_py_interpreter_cached_names() -> U32;

        // ---- references ----------------------------------------------------------------------------------------------
        /// Py_INCREF. Counted as held by JavaScript.
        pyox_py_object_clone(object: PyPtr) -> PyPtr;
        /// Py_DECREF. May run any Python code; what that raises is reported as unraisable.
        pyox_py_object_drop(object: PyPtr);
        /// The capability flags (`PY_HAS_*`) of an object, by its type.
        pyox_py_object_flags(object: PyPtr) -> U32;
        /// The interned string, owned by the caller. JavaScript keeps these for the names it uses.
        pyox_py_name_intern(name: Wire) -> PyPtr;
        /// A new, uninitialised ASCII string of `length` characters; its data is at `ASCII_DATA_OFFSET`. Put it on the wire with `TAG_PYOBJECT_OWNED`.
        pyox_py_string_alloc(length: U32) -> PyPtr;

        // ---- operations ----------------------------------------------------------------------------------------------
        /// `getattr(object, name)`, the name being an interned string; `TAG_ABSENT` for AttributeError.
        pyox_py_attribute_get(object: PyPtr, name: PyPtr, out: Wire) -> Tag;
        /// `setattr`.
        pyox_py_attribute_set(object: PyPtr, name: PyPtr, value: Wire) -> Status;
        /// `delattr`; 0 when there was no such attribute.
        pyox_py_attribute_delete(object: PyPtr, name: PyPtr) -> Tri;
        /// `hasattr`.
        pyox_py_attribute_has(object: PyPtr, name: PyPtr) -> Tri;
        /// `object[key]`; `TAG_ABSENT` for KeyError and IndexError.
        pyox_py_item_get(object: PyPtr, key: Wire, out: Wire) -> Tag;
        /// `object[key] = value`.
        pyox_py_item_set(object: PyPtr, key: Wire, value: Wire) -> Status;
        /// `del object[key]`.
        pyox_py_item_delete(object: PyPtr, key: Wire) -> Status;
        /// `key in object`.
        pyox_py_item_has(object: PyPtr, key: Wire) -> Tri;
        /// `object[start:stop]` replaced by `values`; the removed elements as a list (a PyProxy on the wire) in `out`.
        pyox_py_slice_splice(object: PyPtr, start: U32, stop: U32, values: Wire, values_count: U32, out: Wire) -> Tag;
        /// `len(object)`.
        pyox_py_object_length(object: PyPtr) -> Count;
        /// `str(object)` (0), `repr(object)` (1), or the name of its type as `PyProxy.type` has it (2).
        pyox_py_object_text(object: PyPtr, what: U32, out: Wire) -> Tag;
        /// A handle to an Array of strings: `dir(object)` (0), or the keys of a dict that can be property names (1), which are strings
        /// and array indices.
        pyox_py_object_names(object: PyPtr, what: U32) -> Handle;
        /// `object(*args, **kwargs)`, arguments as in `pyox_js_function_call`. The result is for JavaScript to own.
        pyox_py_object_call(object: PyPtr, args: Wire, args_count: U32, kwnames: Wire, kwargs_count: U32, out: Wire) -> Tag;
        /// As `pyox_py_object_call`, on a stack that may be suspended: to be called through `WebAssembly.promising`, arguments outside the arena.
        pyox_py_object_call_suspendable(object: PyPtr, args: Wire, args_count: U32, kwnames: Wire, kwargs_count: U32, out: Wire) -> Tag;
        /// `iter(object)` (0) or `aiter(object)` (1).
        pyox_py_iterator_new(object: PyPtr, asynchronous: U32, out: Wire) -> Tag;
        /// `next(object)`, or `object.send(value)` when the value is not undefined: 1 and a value in `out`; 0 when done, with the return value in `out`. The tag is in `out`.
        pyox_py_iterator_next(object: PyPtr, value: Wire, out: Wire) -> Tri;
        /// `generator.throw(value)` (0), or GeneratorExit thrown in and `value` as the result if it is not caught (1). Results as for next.
        pyox_py_iterator_finish(object: PyPtr, how: U32, value: Wire, out: Wire) -> Tri;
        /// The awaitable of one step of an async iterator: `anext`/`asend(value)` (2), `athrow(value)` (0), GeneratorExit (1).
        pyox_py_async_step(object: PyPtr, how: U32, value: Wire, out: Wire) -> Tag;
        /// Awaits `awaitable` in the event loop; `settle` is a handle (borrowed) to a function `(ok: boolean, value)`, called once
        /// with the result (for JavaScript to own) or the `PythonError`.
        pyox_py_awaitable_watch(awaitable: PyPtr, settle: Handle) -> Status;
        /// `importlib.import_module(name)`, or an attribute of a module for a dotted name (`pyimport`).
        pyox_py_module_import(name: Wire, out: Wire) -> Tag;

        // ---- callbacks from the host ---------------------------------------------------------------------------------
        /// Settles what `pyox_js_promise_watch` gave: takes `future` over. `ok` is 1 with the result, 0 with what was thrown.
        pyox_py_future_settle(future: PyPtr, ok: U32, value: Wire) -> Status;
        /// Runs and frees a scheduled callback. An error is what the callback raised.
        pyox_py_callback_run(callback: PyPtr) -> Status;
        /// As `pyox_py_callback_run`, on a stack that may be suspended: to be called through `WebAssembly.promising`.
        pyox_py_callback_run_suspendable(callback: PyPtr) -> Status;
        /// What `pyox_js_stack_leave` asked for. An exception that it raises stays set, for whoever asked.
        pyox_py_job_run(job: Address) -> Status;
        /// Frees a callback or future that will never be called.
        pyox_py_callback_drop(callback: PyPtr);
        /// Raises a signal; its handler runs when Python code next runs. 0 if none is running, and then only if `always` is 1 the signal is raised.
        /// With 0 nothing is raised: the evaluation loop looks into the interrupt buffer at its next step.
        pyox_py_signals_raise(signal: U32, always: U32) -> Tri;
        /// `PyErr_CheckSignals` after raising `signal` (0 for none).
        pyox_py_signals_check(signal: U32) -> Status;

        // ---- buffers ---------------------------------------------------------------------------------------------------
        /// `PyObject_GetBuffer`: fills a `BUFFER_VIEW_BYTES` block (see `BufferView` in the core) and keeps the view open.
        pyox_py_buffer_open(object: PyPtr, out: Address) -> Status;
        /// Closes a view (`view` is the address in the block's first word).
        pyox_py_buffer_close(view: Address);

        // ---- bulk conversion --------------------------------------------------------------------------------------------
        /// `to_js`: deep conversion of `object`; `options` is a handle to an object with `pyproxies`, `create_pyproxies`, `dict_converter`,
        /// `default_converter`, or 0. The result is on the wire.
        pyox_py_object_to_js(object: PyPtr, depth: I32, options: Handle, out: Wire) -> Tag;
        /// `to_py`: deep conversion of a JavaScript value; `converter` is a handle to a `defaultConverter` or 0. `TAG_PYPROXY` for what stays an object.
        pyox_py_value_to_py(value: Handle, depth: I32, converter: Handle, out: Wire) -> Tag;
    } };
}

/// Calls `$callback!` with the numbers both halves share.
#[macro_export]
macro_rules! for_each_constant {
    ($callback:ident) => { $callback! {
        // ---- WireValue: 16 bytes, aligned to 8 -----------------------------------------------------------------------
        /// Size of a `WireValue`: tag (u32 at 0), aux (u32 at 4), payload (8 bytes at 8).
        WIRE_BYTES = 16;
        /// An error is pending.
        TAG_FAILURE = 0;
        /// `undefined`; `None` in Python.
        TAG_UNDEFINED = 1;
        /// `null`.
        TAG_NULL = 2;
        /// `false`.
        TAG_FALSE = 3;
        /// `true`.
        TAG_TRUE = 4;
        /// A number that is a Python int: the payload is a double with an integral value in the safe range.
        TAG_INT = 5;
        /// A number that is a Python float: the payload is a double.
        TAG_FLOAT = 6;
        /// A BigInt: the payload is an i64.
        TAG_BIGINT64 = 7;
        /// A BigInt as hexadecimal digits, with a minus sign where negative: aux characters of ASCII at the address in the payload.
        TAG_BIGINT_HEX = 8;
        /// A handle in aux, borrowed. From JavaScript never.
        TAG_HANDLE = 9;
        /// A handle in aux, owned by the receiver. From JavaScript the payload is the value's capability flags (u32).
        TAG_HANDLE_OWNED = 10;
        /// A string: aux is its length in characters, the payload the address of its bytes, each below 128.
        TAG_STRING_ASCII = 11;
        /// The same with bytes below 256.
        TAG_STRING_LATIN1 = 12;
        /// A string of aux UTF-16 code units; lone surrogates are allowed, pairs are one character.
        TAG_STRING_UTF16 = 13;
        /// A string of aux code points of 32 bits. From JavaScript never.
        TAG_STRING_UCS4 = 14;
        /// From JavaScript: a Python object, address in aux, borrowed (an unwrapped PyProxy).
        TAG_PYOBJECT = 15;
        /// From JavaScript: a Python object, address in aux, owned by the receiver.
        TAG_PYOBJECT_OWNED = 16;
        /// To JavaScript: make a PyProxy of the object at the address in aux (owned by the receiver) with the flags in the payload (u32).
        TAG_PYPROXY = 17;
        /// There is no such property, key or attribute. Not a value.
        TAG_ABSENT = 18;
        /// From JavaScript: as `TAG_STRING_UTF16`, in memory that the receiver frees (`pyox_py_memory_alloc`).
        TAG_STRING_UTF16_OWNED = 19;

        // ---- memory --------------------------------------------------------------------------------------------------------
        /// Bytes of the arena.
        ARENA_BYTES = 65536;
        /// Where the characters of an ASCII `str` begin in its object.
        ASCII_DATA_OFFSET = 20;
        /// Where objects with `PY_HAS_COUNT` have their length.
        COUNT_OFFSET = 8;
        /// Size of the block of `pyox_py_buffer_open`: u32 words: view, data address, nbytes, itemsize, ndim, readonly, c_contiguous,
        /// f_contiguous, address of the format (0-terminated), address of shape, address of strides (i32 each), address of suboffsets or 0.
        BUFFER_VIEW_BYTES = 48;

        /// In place of a serial number: JavaScript says that calls or values are nested too deeply.
        ERROR_IS_RECURSION = 0xffff_ffff;
        /// In place of a serial number: JavaScript says that a value is too large for linear memory.
        ERROR_IS_MEMORY = 0xffff_fffe;

        // ---- reserved handles ------------------------------------------------------------------------------------------------
        /// `undefined`.
        HANDLE_UNDEFINED = 1;
        /// `null`.
        HANDLE_NULL = 2;
        /// `false`.
        HANDLE_FALSE = 3;
        /// `true`.
        HANDLE_TRUE = 4;
        /// The object behind the `js` module (`jsglobals`).
        HANDLE_GLOBALS = 5;
        /// The public API object behind `pyodide_js`.
        HANDLE_API = 6;
        /// The first handle that is not reserved.
        HANDLE_FIRST_FREE = 32;

        // ---- capabilities of JavaScript values -----------------------------------------------------------------------------------
        /// `typeof x === "function"`.
        JS_IS_CALLABLE = 0x1;
        /// Has `Symbol.iterator`.
        JS_IS_ITERABLE = 0x2;
        /// Has `next`, and `Symbol.iterator` or no `Symbol.asyncIterator`.
        JS_IS_ITERATOR = 0x4;
        /// Has a numeric `length` or `size`, and is no function.
        JS_IS_SIZED = 0x8;
        /// Has `get`.
        JS_IS_GETTABLE = 0x10;
        /// Has `set`.
        JS_IS_SETTABLE = 0x20;
        /// Has `has`.
        JS_IS_CONTAINER = 0x40;
        /// Has `includes`.
        JS_IS_INCLUDER = 0x80;
        /// Has `then`: awaitable.
        JS_IS_PROMISE = 0x100;
        /// ArrayBuffer or a view of one.
        JS_IS_BUFFER = 0x200;
        /// `Array.isArray`.
        JS_IS_ARRAY = 0x400;
        /// NodeList or HTMLCollection (by tag): bracket access, not to be changed.
        JS_IS_NODE_LIST = 0x800;
        /// A typed array (not DataView).
        JS_IS_TYPED_ARRAY = 0x1000;
        /// A PyProxy made by `create_proxy` with `roundtrip`.
        JS_IS_DOUBLE_PROXY = 0x2000;
        /// An Error by tag or behaviour (`name`, `message` and `stack` strings; DOMException too), whatever realm it is from.
        JS_IS_ERROR = 0x4000;
        /// Tag "Generator" with next, return and throw.
        JS_IS_GENERATOR = 0x8000;
        /// Has `Symbol.asyncIterator`.
        JS_IS_ASYNC_ITERABLE = 0x10000;
        /// Has `next`, and `Symbol.asyncIterator` or no `Symbol.iterator`.
        JS_IS_ASYNC_ITERATOR = 0x20000;
        /// Tag "AsyncGenerator" with next, return and throw.
        JS_IS_ASYNC_GENERATOR = 0x40000;
        /// Has `delete`.
        JS_IS_DELETABLE = 0x80000;
        /// Made by `as_object_map`: items are own properties. Never computed from a value.
        JS_IS_OBJECT_MAP = 0x100000;
        /// With `JS_IS_OBJECT_MAP`: values that are plain objects become object maps too.
        JS_IS_HEREDITARY = 0x200000;
        /// A DOM element.
        JS_IS_DOM_ELEMENT = 0x400000;
        /// A `Response` of fetch.
        JS_IS_FETCH_RESPONSE = 0x800000;
        /// Has `Symbol.dispose`.
        JS_IS_DISPOSABLE = 0x1000000;
        /// Has `Symbol.asyncDispose`.
        JS_IS_ASYNC_DISPOSABLE = 0x2000000;
        /// A plain object: prototype `Object.prototype` (of any realm) or null.
        JS_IS_PLAIN_OBJECT = 0x4000000;
        /// With `JS_IS_OBJECT_MAP`, or an Array: seen as JSON. Plain objects and Arrays among the values are too.
        JS_IS_JSON = 0x8000000;
        /// A WeakRef.
        JS_IS_WEAK_REF = 0x10000000;

        // ---- capabilities of Python objects ----------------------------------------------------------------------------------------
        /// `__len__`.
        PY_HAS_LENGTH = 0x1;
        /// `__getitem__`.
        PY_HAS_GET = 0x2;
        /// `__setitem__` or `__delitem__`.
        PY_HAS_SET = 0x4;
        /// `__contains__`.
        PY_HAS_CONTAINS = 0x8;
        /// `__iter__`.
        PY_HAS_ITER = 0x10;
        /// `__next__`.
        PY_HAS_NEXT = 0x20;
        /// `__await__`, or a coroutine.
        PY_HAS_AWAIT = 0x40;
        /// The buffer protocol.
        PY_HAS_BUFFER = 0x80;
        /// `__call__`.
        PY_HAS_CALL = 0x100;
        /// `__aiter__`.
        PY_HAS_AITER = 0x200;
        /// `__anext__`.
        PY_HAS_ANEXT = 0x400;
        /// A generator (`collections.abc.Generator`).
        PY_HAS_GENERATOR = 0x800;
        /// An async generator.
        PY_HAS_ASYNC_GENERATOR = 0x1000;
        /// `collections.abc.Sequence`, but not `str`.
        PY_HAS_SEQUENCE = 0x2000;
        /// `collections.abc.MutableSequence`.
        PY_HAS_MUTABLE_SEQUENCE = 0x4000;
        /// `dict` or a subclass.
        PY_HAS_DICT = 0x8000;
        /// A dict itself, not an instance of a subclass: its items are properties of the PyProxy.
        PY_IS_PLAIN_DICT = 0x10000;
        /// A built-in container, exactly: its length stands in the object, at `COUNT_OFFSET`.
        PY_HAS_COUNT = 0x20000;

        // ---- marks of PyProxies (in the same word) ------------------------------------------------------------------------------------
        /// Goes back to Python as a JsDoubleProxy instead of being unwrapped.
        PYPROXY_ROUNDTRIP = 0x10000000;
        /// Passes `this` as the first argument.
        PYPROXY_CAPTURE_THIS = 0x20000000;

        // ---- starting -------------------------------------------------------------------------------------------------------------------
        /// Keep `null` apart from `undefined`: it becomes `jsnull` in Python.
        START_KEEP_NULL = 0x1;
        /// The dict of `to_js` is a plain object instead of a LiteralMap.
        START_PLAIN_DICTS = 0x2;

        /// For the `python` command: `pyox_py_interpreter_run_main` follows.
        START_COMMAND = 0x4;
        /// The interpreter is going to be saved: what it allocates is cleared.
        START_TO_SAVE = 0x8;

        // ---- tapes: values in prefix order; numbers little-endian, every entry starts at a multiple of 4 -----------------------------------
        /// A wire value of 16 bytes follows at the next multiple of 8 (strings in place point into Python or arena memory).
        TAPE_VALUE = 1;
        /// u32: a small signed integer.
        TAPE_INT32 = 2;
        /// f64 at the next multiple of 8: a Python float.
        TAPE_FLOAT = 3;
        /// u32 length, then its bytes, padded: an ASCII string.
        TAPE_ASCII = 4;
        /// u32 count, then the elements: list or tuple, an Array.
        TAPE_LIST = 5;
        /// u32 count, then key, value, key, value: dict, a LiteralMap, Map or object.
        TAPE_DICT = 6;
        /// u32 count, then the elements: set.
        TAPE_SET = 7;
        /// u32: the list, dict or set with that number, counted from 0 in the order of appearance.
        TAPE_REFERENCE = 8;
        /// undefined / None.
        TAPE_NONE = 9;
        /// true.
        TAPE_TRUE = 10;
        /// false.
        TAPE_FALSE = 11;
        /// u32 length in code units, then them, padded: a string as UTF-16.
        TAPE_UTF16 = 12;
    } };
}
