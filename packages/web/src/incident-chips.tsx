import { BellOffIcon, CheckIcon, FireIcon, HandIcon, WaveIcon } from "./icons.tsx";
import type { Incident, IncidentStatus, Priority } from "./incident-state.ts";

const STATUSES = {
  firing: { tone: "red", Icon: FireIcon },
  acknowledged: { tone: "blue", Icon: HandIcon },
  resolved: { tone: "green", Icon: CheckIcon },
} as const satisfies Record<IncidentStatus, object>;

/** The status of an incident as icon, word and colour. */
export function StatusChip({ status }: { status: IncidentStatus }) {
  const { tone, Icon } = STATUSES[status];
  return (
    <span className={`chip chip--${tone}`}>
      <Icon size={12} />
      {status}
    </span>
  );
}

const TONES = { P1: "red", P2: "amber", P3: "blue", P4: "grey" } as const satisfies Record<
  Priority,
  string
>;

/** How urgent, with the word that the alert's label has for it. */
export function PriorityChip({ priority, severity }: Pick<Incident, "priority" | "severity">) {
  return (
    <span className={`chip chip--${TONES[priority]}`}>
      {priority}
      {severity !== "" && <span className="chip__word">{severity}</span>}
    </span>
  );
}

/** What keeps people from hearing of it. */
export function HushChips({ flapping, suppressed }: Pick<Incident, "flapping" | "suppressed">) {
  return (
    <>
      {suppressed && (
        <span className="chip chip--grey" title="All that fires is silenced, inhibited or muted">
          <BellOffIcon size={12} />
          muted
        </span>
      )}
      {flapping && (
        <span className="chip chip--amber" title="Goes on and off, and stays open meanwhile">
          <WaveIcon size={12} />
          flapping
        </span>
      )}
    </>
  );
}
