/** What a key can ask of the page. */
export type Command =
  | "goExplore"
  | "goAlerts"
  | "goTargets"
  | "goStatus"
  | "goRules"
  | "goSilences"
  | "goRouting"
  | "goOnCall"
  | "next"
  | "previous"
  | "acknowledge"
  | "unacknowledge"
  | "silence"
  | "comment"
  | "focusSearch"
  | "refresh"
  | "toggleTable"
  | "zoomOut"
  | "help";

/** All keys, in the order of the help. A sequence is two keys after each other. */
export const SHORTCUTS: readonly { keys: readonly string[]; command: Command; does: string }[] = [
  { keys: ["g", "e"], command: "goExplore", does: "Go to Explore" },
  { keys: ["g", "a"], command: "goAlerts", does: "Go to Alerts: the incidents" },
  { keys: ["g", "r"], command: "goRules", does: "Go to Rules" },
  { keys: ["g", "l"], command: "goSilences", does: "Go to Silences" },
  { keys: ["g", "n"], command: "goRouting", does: "Go to Routing: who is notified" },
  { keys: ["g", "o"], command: "goOnCall", does: "Go to On-call" },
  { keys: ["g", "t"], command: "goTargets", does: "Go to Targets" },
  { keys: ["g", "s"], command: "goStatus", does: "Go to Status" },
  { keys: ["j"], command: "next", does: "Next in a list" },
  { keys: ["k"], command: "previous", does: "Previous in a list" },
  { keys: ["a"], command: "acknowledge", does: "Acknowledge the incident" },
  { keys: ["u"], command: "unacknowledge", does: "Take the acknowledgement back" },
  { keys: ["s"], command: "silence", does: "Silence these alerts" },
  { keys: ["c"], command: "comment", does: "Comment on the incident" },
  { keys: ["/"], command: "focusSearch", does: "Search, or edit the query" },
  { keys: ["r"], command: "refresh", does: "Refresh now" },
  { keys: ["t"], command: "toggleTable", does: "Show charts as tables, and back" },
  { keys: ["z"], command: "zoomOut", does: "Zoom out" },
  { keys: ["?"], command: "help", does: "Show this help" },
];

/** The first key of a sequence is forgotten after so long. */
export const SEQUENCE_MS_MAX = 1500;

/** What was typed of a sequence. */
export interface KeyState {
  readonly first: string | undefined;
  readonly atMs: number;
}

export const NO_KEY: KeyState = { first: undefined, atMs: 0 };

/** A key press with no Ctrl, Alt or Meta, outside any field: the new state, and the command if there is one. */
export function stepKey(
  state: KeyState,
  key: string,
  nowMs: number,
): [next: KeyState, command: Command | undefined] {
  const first = nowMs - state.atMs <= SEQUENCE_MS_MAX ? state.first : undefined;
  if (first !== undefined) {
    const found = SHORTCUTS.find(({ keys }) => keys[0] === first && keys[1] === key);
    if (found !== undefined) return [NO_KEY, found.command];
  }
  const single = SHORTCUTS.find(({ keys }) => keys.length === 1 && keys[0] === key);
  if (single !== undefined) return [NO_KEY, single.command];
  const begins = SHORTCUTS.some(({ keys }) => keys.length === 2 && keys[0] === key);
  return [begins ? { first: key, atMs: nowMs } : NO_KEY, undefined];
}
