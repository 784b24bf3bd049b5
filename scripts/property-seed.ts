// Properties draw the same cases on every run, so that a change is judged by what it changes and not by chance.
// `PROPERTY_SEED=random npm test -- unit` draws others, `PROPERTY_SEED=<number>` those of a run that failed, and
// `PROPERTY_RUNS=2000` as many of each property that does not say itself how many it needs.
import { randomInt } from "node:crypto";
import fc from "fast-check";

const { PROPERTY_SEED = "1", PROPERTY_RUNS = "100" } = process.env;
const seed = PROPERTY_SEED === "random" ? randomInt(2 ** 31) : Number(PROPERTY_SEED);
const numRuns = Number(PROPERTY_RUNS);
if (!Number.isInteger(seed)) throw new Error("PROPERTY_SEED is an integer, or random");
if (!Number.isInteger(numRuns) || numRuns < 1) throw new Error("PROPERTY_RUNS is from 1 on");
fc.configureGlobal({ seed, numRuns });
