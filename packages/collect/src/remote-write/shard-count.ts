/** What the number of shards follows from; rates are per second, over the last while. */
export interface ShardLoad {
  readonly shards: number;
  readonly shardsMin: number;
  readonly shardsMax: number;
  /** Samples appended to the log that are to be sent. */
  readonly inRate: number;
  /** Samples that were accepted. */
  readonly outRate: number;
  /** Seconds that shards spent sending, together. */
  readonly sendingRate: number;
  /** How far what is sent is behind what is appended. */
  readonly delaySeconds: number;
}

/** The part of the backlog that is to be caught up within a second. */
const CATCH_UP_SHARE = 0.05;
/** Changes by less than this share are not worth it: everything under way must be sent first. */
const TOLERANCE = 0.3;

/** How many shards are needed to keep up, as Prometheus computes it. */
export function shardsNeeded(load: ShardLoad): number {
  const { shards, shardsMin, shardsMax, inRate, outRate, sendingRate, delaySeconds } = load;
  // Nothing was sent: more senders would not change that.
  if (outRate <= 0) return shards;
  const secondsPerSample = sendingRate / outRate;
  const pending = Math.max(0, delaySeconds) * inRate;
  const needed = secondsPerSample * (inRate + CATCH_UP_SHARE * pending);
  if (needed >= shards * (1 - TOLERANCE) && needed <= shards * (1 + TOLERANCE)) return shards;
  return Math.min(shardsMax, Math.max(shardsMin, Math.ceil(needed)));
}
