/** How large a body may be, in bytes. */
export interface BodyLimits {
  /** As it comes over the wire. At most 256 MiB. */
  readonly bodySizeMax: number;
  /** Once it is decompressed. At most 1 GiB. */
  readonly decodedSizeMax: number;
}

export const BODY_LIMITS: BodyLimits = {
  bodySizeMax: 32 * 1024 * 1024,
  decodedSizeMax: 128 * 1024 * 1024,
};
