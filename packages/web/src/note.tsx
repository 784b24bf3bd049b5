import type { ReactNode } from "react";
import { ErrorIcon, InfoIcon, WarningIcon } from "./icons.tsx";

const ICONS = { error: ErrorIcon, warning: WarningIcon, info: InfoIcon } as const;

/** A message in its place. Errors are read out at once. */
export function Note({ kind, children }: { kind: keyof typeof ICONS; children: ReactNode }) {
  const Icon = ICONS[kind];
  return (
    <div className={`note note--${kind}`} role={kind === "error" ? "alert" : "note"}>
      <Icon />
      <div>
        <span className="visually-hidden">{kind}: </span>
        {children}
      </div>
    </div>
  );
}
