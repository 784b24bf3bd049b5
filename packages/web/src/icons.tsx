import type { ReactNode } from "react";

/** Line icons on a grid of 16, in the colour of the text. All are decoration: a word stands beside or in a label. */
function Icon({ children, size = 14 }: { children: ReactNode; size?: number | undefined }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}

const path = (d: string) => (props: { size?: number }) => (
  <Icon size={props.size}>
    <path d={d} />
  </Icon>
);

export const FireIcon = path(
  "M8 1.500c.5 3 4 4.500 4 8a4 4 0 0 1-8 0c0-1.500.7-2.500 1.500-3.300.2 1.300.8 1.800 1.300 2C6.500 5.500 7 3.500 8 1.500z",
);
export const ClockIcon = path(
  "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM8 4.500V8l2.500 1.500",
);
export const CheckIcon = path("M3 8.500l3.300 3.300L13 4.500");
export const CrossIcon = path("M4 4l8 8M12 4l-8 8");
export const WarningIcon = path("M8 2l6.500 11.500h-13zM8 6.500v3.200M8 11.600v.2");
export const InfoIcon = path(
  "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM8 7.300v4M8 4.700v.2",
);
export const ErrorIcon = path(
  "M5.300 1.500h5.400l3.800 3.800v5.400l-3.800 3.800H5.300l-3.800-3.800V5.300zM8 4.800v3.700M8 11v.2",
);
export const QuestionIcon = path(
  "M5.500 5.800a2.500 2.500 0 1 1 3.600 2.300c-.8.4-1.100.8-1.100 1.700M8 12.300v.2",
);
export const PlusIcon = path("M8 3v10M3 8h10");
export const RefreshIcon = path(
  "M13.500 8a5.500 5.500 0 1 1-1.600-3.900L13.500 5.700M13.500 2v3.700H9.800",
);
export const ChevronIcon = path("M6 3.500L10.500 8 6 12.500");
export const LeftIcon = path("M10 3.500L5.500 8l4.500 4.500");
export const ZoomOutIcon = path(
  "M7 12.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11zM11 11l3.500 3.500M4.700 7h4.600",
);
export const SunIcon = path(
  "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.200M8 13.800V15M1 8h1.200M13.800 8H15M3 3l.9.9M12.100 12.100l.9.9M3 13l.9-.9M12.100 3.900L13 3",
);
export const MoonIcon = path("M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7z");
export const ScreenIcon = path("M1.500 2.500h13v8.500h-13zM5.500 14h5M8 11v3");
export const SearchIcon = path(
  "M7 12.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11zM11 11l3.500 3.500",
);
export const CopyIcon = path("M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3");
export const RecordIcon = path("M2 12.500l3.500-4 3 2.500L14 4M10.500 4H14v3.500");
export const StackIcon = path("M2 11l6 3 6-3M2 8l6 3 6-3M8 2l6 3-6 3-6-3z");
export const HandIcon = path("M1.500 9l3 3.300L11 4.500M7.500 11.500l1 .8L15 4.500");
export const BellOffIcon = path(
  "M4 11.500c.7-.8 1-2 1-4.500a3 3 0 0 1 5-2.200M11 7c0 2.500.3 3.700 1 4.500H6M7 13.500a1.200 1.200 0 0 0 2 0M2.500 2.500l11 11",
);
export const SendIcon = path("M14 2L7 9M14 2l-4.500 12L7 9 2 6.500z");
export const CommentIcon = path("M2 2.500h12v8.500H7.500L4 14v-3H2z");
export const UserIcon = path(
  "M8 7.500a2.800 2.800 0 1 0 0-5.600 2.800 2.800 0 0 0 0 5.600zM2.500 14c.5-3 2.500-4.500 5.500-4.500s5 1.500 5.500 4.500",
);
export const StairsIcon = path("M2 13.500h3.500V10H9V6.500h3.500V3H14");
export const WaveIcon = path("M1.500 8c1.500-5 3-5 4.500 0s3 5 4.500 0 2.500-4 4-2.500");
export const EditIcon = path(
  "M3 13l.6-2.800L11 2.800 13.200 5l-7.400 7.400zM9.500 4.300l2.200 2.200",
);
export const CalendarIcon = path("M2 3.500h12v10.500H2zM2 7h12M5 1.500v3.500M11 1.500v3.500");

/** The lighthouse of the name. */
export function Logo() {
  return (
    <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true">
      <path
        d="M19.500 9.500 30 5v8.500l-10.500-2.500zM12.500 9.500 2 5v8.500l10.500-2.500z"
        fill="#ffb52e"
        opacity=".6"
      />
      <path d="M13 14h6l2.200 15H10.800z" fill="#fff" />
      <path d="M13 8.500 16 5l3 3.500V13h-6z" fill="#ffb52e" />
      <path d="M12.200 19.500h7.600l.5 3.800h-8.600z" fill="#ee5a52" />
    </svg>
  );
}
