// A failing run names its seed; `SIM_SEED=<seed> node --test <file>` replays exactly that run.
const { SIM_SEED } = process.env;

/** The first `count` seeds, or the one that was asked for. */
export function simSeeds(count: number): readonly number[] {
  return SIM_SEED === undefined ? Array.from({ length: count }, (_, i) => i) : [Number(SIM_SEED)];
}

/** Lives through one seed after another; an error names its own. */
export async function eachSeed(
  seeds: readonly number[],
  simulate: (seed: number) => Promise<void>,
): Promise<void> {
  for (const seed of seeds) {
    try {
      await simulate(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}
