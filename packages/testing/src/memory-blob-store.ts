import { compareUtf8, OperatingError } from "@pharos/base";
import { assertBlobKey, type BlobInfo, type BlobPage, type BlobStore } from "@pharos/ports";

/** What was asked of a store: a call, its key or prefix, and the bytes it moved. */
export interface BlobCall {
  readonly call: "put" | "get" | "head" | "list" | "delete";
  readonly key: string;
  readonly size: number;
}

/** Blobs in memory, which remember what was asked of them and fail when told to. */
export class MemoryBlobStore implements BlobStore {
  readonly #blobs = new Map<string, Uint8Array>();
  /** All calls that succeeded, the oldest first. */
  readonly calls: BlobCall[] = [];

  /** Called before each call; may throw to make it fail, or wait to make it slow. */
  beforeCall: (call: BlobCall["call"], key: string) => void | Promise<void> = () => {};

  /** Makes every call fail as a store does that cannot be reached. */
  unreachable(): void {
    this.beforeCall = (_, key) => {
      throw new OperatingError("blob.unavailable", `${key}: connection refused`);
    };
  }

  reachable(): void {
    this.beforeCall = () => {};
  }

  async put(
    key: string,
    parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<BlobInfo> {
    assertBlobKey(key);
    await this.#begin("put", key, signal);
    const pieces: Uint8Array[] = [];
    for await (const part of parts) {
      signal.throwIfAborted();
      pieces.push(part.slice());
    }
    signal.throwIfAborted();
    const bytes = new Uint8Array(pieces.reduce((total, { length }) => total + length, 0));
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    this.#blobs.set(key, bytes);
    this.calls.push({ call: "put", key, size: bytes.length });
    return { key, size: bytes.length };
  }

  async get(
    key: string,
    range: { offset: number; length: number } | null,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    await this.#begin("get", key, signal);
    const bytes = this.#blobs.get(key);
    if (bytes === undefined) throw new OperatingError("not_found", `${key}: no such blob`);
    const part =
      range === null ? bytes.slice() : bytes.slice(range.offset, range.offset + range.length);
    this.calls.push({ call: "get", key, size: part.length });
    return part;
  }

  async head(key: string, signal: AbortSignal): Promise<BlobInfo | undefined> {
    await this.#begin("head", key, signal);
    const bytes = this.#blobs.get(key);
    this.calls.push({ call: "head", key, size: 0 });
    return bytes === undefined ? undefined : { key, size: bytes.length };
  }

  async list(
    prefix: string,
    { after = "", limit }: { after?: string; limit: number },
    signal: AbortSignal,
  ): Promise<BlobPage> {
    await this.#begin("list", prefix, signal);
    const matching = [...this.#blobs]
      .filter(([key]) => key.startsWith(prefix) && key > after)
      .map(([key, { length }]) => ({ key, size: length }))
      .sort((a, b) => compareUtf8(a.key, b.key));
    this.calls.push({ call: "list", key: prefix, size: 0 });
    return { blobs: matching.slice(0, limit), more: matching.length > limit };
  }

  async delete(key: string, signal: AbortSignal): Promise<void> {
    await this.#begin("delete", key, signal);
    this.#blobs.delete(key);
    this.calls.push({ call: "delete", key, size: 0 });
  }

  /** Bytes that were read since the last call of this. */
  takeReadSize(): number {
    const size = this.calls.reduce((sum, { call, size }) => sum + (call === "get" ? size : 0), 0);
    this.calls.length = 0;
    return size;
  }

  /** Changes one byte, as a failing medium does. */
  flipByte(key: string, offset: number): void {
    const bytes = this.#blobs.get(key);
    if (bytes === undefined) throw new OperatingError("not_found", `${key}: no such blob`);
    bytes[offset] = (bytes[offset] as number) ^ 0xff;
  }

  async #begin(call: BlobCall["call"], key: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.beforeCall(call, key);
    signal.throwIfAborted();
  }
}
