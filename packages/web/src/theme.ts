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

/** Mantine's parts in the sizes and colours of the page; the page's own colours are in `page.css`. */
export const theme = createTheme({
  primaryColor: "beacon",
  primaryShade: { light: 6, dark: 6 },
  colors: { beacon },
  fontFamily: "var(--ph-font)",
  fontFamilyMonospace: "var(--ph-mono)",
  fontSizes: { xs: "11px", sm: "13px", md: "14px", lg: "16px", xl: "18px" },
  defaultRadius: 4,
  focusRing: "auto",
  respectReducedMotion: true,
  cursorType: "pointer",
});
