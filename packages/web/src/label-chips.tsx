import { type Labels, METRIC_NAME } from "@pharos/base";

/** Labels, each as one piece. `without` names those that stand elsewhere already. */
export function LabelChips({ labels, without }: { labels: Labels; without?: readonly string[] }) {
  const shown = labels.filter(([name]) => without?.includes(name) !== true);
  return (
    <span className="labels">
      {shown.map(([name, value]) => (
        <span key={name} className="label">
          {name === METRIC_NAME ? null : <b>{name}=</b>}
          {value}
        </span>
      ))}
    </span>
  );
}
