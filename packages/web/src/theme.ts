import { createTheme, type MantineColorsTuple } from "@mantine/core";

const beacon: MantineColorsTuple = [
  "#e8f2fd",
  "#cfe3fa",
  "#9fc8f5",
  "#6cb2f7",
  "#4c9bea",
  "#2a7fd4",
  "#0b62b8",
  "#0a57a4",
  "#084a8c",
  "#063b70",
];

/** Mantine's greys in the dark, in the page's slightly blue tone: the index falls from text to background. */
const dark: MantineColorsTuple = [
  "#e2e7ed",
  "#c3ccd6",
  "#9aa6b3",
  "#6e7b89",
  "#333d49",
  "#29313b",
  "#1a2028",
  "#161b22",
  "#10151b",
  "#0e1217",
];

/** Mantine's parts in the sizes and colours of the page; the page's own colours are in `page.css`. */
export const theme = createTheme({
  primaryColor: "beacon",
  primaryShade: { light: 6, dark: 6 },
  colors: { beacon, dark },
  fontFamily: "var(--ph-font)",
  fontFamilyMonospace: "var(--ph-mono)",
  fontSizes: { xs: "11px", sm: "13px", md: "14px", lg: "16px", xl: "18px" },
  defaultRadius: 4,
  focusRing: "auto",
  respectReducedMotion: true,
  cursorType: "pointer",
});
