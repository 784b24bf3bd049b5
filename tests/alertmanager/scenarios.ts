import type { Scenario } from "./scenario.ts";
import { MUTING } from "./scenarios/muting.ts";
import { ROUTING } from "./scenarios/routing.ts";
import { SENDING } from "./scenarios/sending.ts";
import { TROUBLE } from "./scenarios/trouble.ts";

/** Each with its times; their names differ. */
export const SCENARIOS: readonly Scenario[] = [...SENDING, ...ROUTING, ...MUTING, ...TROUBLE];
