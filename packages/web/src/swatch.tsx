import { useComputedColorScheme } from "@mantine/core";
import { colorOf, type SeriesStyle } from "./series-color.ts";

/** A piece of a line, as the chart draws it. */
export function Swatch({ style }: { style: SeriesStyle }) {
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const [dash = 0, gap = 0] = style.dash;
  const look = dash === 0 ? "solid" : dash > gap ? "dashed" : "dotted";
  return (
    <span
      className="swatch"
      style={{ borderTopColor: colorOf(style, scheme), borderTopStyle: look }}
      aria-hidden="true"
    />
  );
}
