import type { ReactNode } from "react";

export type Tone = "red" | "amber" | "green" | "grey";

/** A filter that is on or off, with the number of what it lets through where that is known. */
export function FilterButton(props: {
  name: string;
  count?: number;
  tone?: Tone;
  icon?: ReactNode;
  pressed: boolean;
  onClick: () => void;
}) {
  // A warning colour on a zero would cry for nothing.
  const tone = (props.count ?? 0) > 0 ? (props.tone ?? "grey") : "grey";
  return (
    <button
      type="button"
      className={`filter filter--${tone}`}
      aria-pressed={props.pressed}
      onClick={props.onClick}
    >
      {props.icon}
      {props.name}{" "}
      {props.count !== undefined && <span className="filter__count">{props.count}</span>}
    </button>
  );
}

/** `list` without `item`, or with it. */
export function toggled<T>(list: readonly T[], item: T): T[] {
  return list.includes(item) ? list.filter((other) => other !== item) : [...list, item];
}
