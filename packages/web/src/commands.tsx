import { assert } from "@pharos/base";
import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { readStorage, writeStorage } from "./browser-storage.ts";
import { type Command, NO_KEY, stepKey } from "./shortcut.ts";

type Handlers = Map<Command, Set<() => void>>;

interface CommandCenter {
  readonly handlers: Handlers;
  run(command: Command): void;
  readonly keysOn: boolean;
  setKeysOn(on: boolean): void;
}

const CommandContext = createContext<CommandCenter | undefined>(undefined);

/** Where this browser remembers that single keys are switched off (WCAG 2.1.4). */
const KEYS_OFF = "pharos.keys-off";

/** Listens for the keyboard and tells whoever asked for a command with `useCommand`. */
export function CommandProvider({ children }: { children: ReactNode }) {
  const handlers = useRef<Handlers>(new Map()).current;
  const [keysOn, setKeysOn] = useState(() => readStorage(KEYS_OFF) === null);

  const center = useMemo<CommandCenter>(
    () => ({
      handlers,
      run(command) {
        for (const handler of handlers.get(command) ?? []) handler();
      },
      keysOn,
      setKeysOn(on) {
        writeStorage(KEYS_OFF, on ? null : "1");
        setKeysOn(on);
      },
    }),
    [handlers, keysOn],
  );

  useEffect(() => {
    if (!keysOn) return;
    let state = NO_KEY;
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event.target) || event.key === "Shift") return;
      const [next, command] = stepKey(state, event.key, event.timeStamp);
      state = next;
      if (command === undefined) return;
      event.preventDefault();
      center.run(command);
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [center, keysOn]);

  return <CommandContext value={center}>{children}</CommandContext>;
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.closest("input, textarea, select, [contenteditable=true]") !== null)
  );
}

/** Calls `handler` whenever the command is given, as long as the component is there. */
export function useCommand(command: Command, handler: () => void): void {
  const { handlers } = useCommandCenter();
  const latest = useRef(handler);
  useEffect(() => {
    latest.current = handler;
  });
  useEffect(() => {
    const call = () => latest.current();
    const all = handlers.get(command) ?? new Set();
    handlers.set(command, all.add(call));
    return () => {
      all.delete(call);
    };
  }, [handlers, command]);
}

export function useCommandCenter(): CommandCenter {
  const center = useContext(CommandContext);
  assert(center !== undefined, "the page is drawn inside a CommandProvider");
  return center;
}
