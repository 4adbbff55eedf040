/**
 * Pipes: `os.pipe()` ends where others end.
 * Not here: everything else that Emscripten's pipe file system does right.
 */

/** The part of Emscripten's pipe file system that matters here. */
export interface PipeFileSystem {
  readonly stream_ops: {
    read(stream: PipeStream, ...rest: unknown[]): number;
  };
}

interface PipeStream {
  readonly node: {
    readonly pipe: { readonly writeClosed: boolean; readonly buckets: readonly { readonly offset: number; readonly roffset: number }[] };
  };
}

/**
 * Makes reading at the end of a pipe whose last writer is gone give nothing, as POSIX has it. Emscripten reports EAGAIN there
 * as for a pipe that may still be written to, so that `read()` to the end would be an error instead of the content.
 */
export function endPipes(pipes: PipeFileSystem): void {
  const { read } = pipes.stream_ops;
  pipes.stream_ops.read = (stream, ...rest) => {
    const { pipe } = stream.node;
    return pipe.writeClosed && pipe.buckets.every(({ offset, roffset }) => offset === roffset) ? 0 : read(stream, ...rest);
  };
}
