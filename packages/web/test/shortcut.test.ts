import { expect, test } from "vitest";
import { type Command, NO_KEY, SEQUENCE_MS_MAX, SHORTCUTS, stepKey } from "../src/shortcut.ts";

/** Presses the keys one after the other and answers with the commands. */
function press(keys: readonly string[], pauseMs = 100): Command[] {
  let state = NO_KEY;
  const commands: Command[] = [];
  for (const [index, key] of keys.entries()) {
    const [next, command] = stepKey(state, key, 10_000 + index * pauseMs);
    state = next;
    if (command !== undefined) commands.push(command);
  }
  return commands;
}

test("every shortcut of the help does what it says", () => {
  for (const { keys, command } of SHORTCUTS) expect(press(keys)).toEqual([command]);
});

test("after g, t is a page and not the table", () => {
  expect(press(["g", "t", "t"])).toEqual(["goTargets", "toggleTable"]);
});

test("a sequence that takes too long is forgotten", () => {
  expect(press(["g", "t"], SEQUENCE_MS_MAX + 1)).toEqual(["toggleTable"]);
});

test("a key in between ends a sequence", () => {
  expect(press(["g", "x", "e"])).toEqual([]);
});
