import type { ReactNode } from "react";
import { ErrorIcon, InfoIcon, WarningIcon } from "./icons.tsx";

const ICONS = { error: ErrorIcon, warning: WarningIcon, info: InfoIcon } as const;

/**
 * A message in its place. An error is read out at once, unless it is `quiet`: one of many in a list, which was there
 * before the reader came.
 */
export function Note(props: { kind: keyof typeof ICONS; quiet?: boolean; children: ReactNode }) {
  const { children, kind, quiet = false } = props;
  const Icon = ICONS[kind];
  return (
    <div className={`note note--${kind}`} role={kind === "error" && !quiet ? "alert" : "note"}>
      <Icon />
      <div>
        <span className="visually-hidden">{kind}: </span>
        {children}
      </div>
    </div>
  );
}
