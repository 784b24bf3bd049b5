import "./frame.css";
import { ActionIcon, Menu, useMantineColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { ALERT_VIEWS, isWithin } from "./alert-views.ts";
import { useApi } from "./api-context.ts";
import { ApiError } from "./api-error.ts";
import { useCommand } from "./commands.tsx";
import { HelpDialog } from "./help-dialog.tsx";
import { CheckIcon, Logo, MoonIcon, QuestionIcon, ScreenIcon, SunIcon } from "./icons.tsx";
import { Note } from "./note.tsx";
import { countFiring } from "./rule-state.ts";
import { useKeptParams } from "./url-state.ts";

const PAGES = [
  { to: "/", name: "Explore", command: "goExplore" },
  { to: "/incidents", name: "Alerts", command: "goAlerts" },
  { to: "/targets", name: "Targets", command: "goTargets" },
  { to: "/status", name: "Status", command: "goStatus" },
] as const;

/** The views below Alerts, with their keys. */
const VIEWS = [
  { to: "/silences", command: "goSilences" },
  { to: "/alerts", command: "goRules" },
  { to: "/routing", command: "goRouting" },
  { to: "/on-call", command: "goOnCall" },
] as const;

type View = (typeof VIEWS)[number];

/** How often the count of firing alerts is asked for; the Alerts page uses the same answer. */
export const RULES_REFRESH_MS = 10_000;

/** What is around every page: the bar, the keys, the title of the window. */
export function Frame() {
  const [helpOpen, setHelpOpen] = useState(false);
  const { firing, unreachable } = useFiring();
  const pathname = useLocation({ select: (location) => location.pathname });
  const view = ALERT_VIEWS.find(({ to }) => isWithin(pathname, to));
  const page = PAGES.find(({ to }) =>
    view === undefined ? to === pathname : to === ALERT_VIEWS[0].to,
  );
  const title = view?.name ?? page?.name ?? "Not found";

  useEffect(() => {
    const count = firing === undefined || firing === 0 ? "" : `(${firing}) `;
    document.title = `${count}${title} · Pharos`;
  }, [firing, title]);

  useCommand("help", () => setHelpOpen((open) => !open));

  return (
    <>
      <button type="button" className="frame__skip" onClick={focusContent}>
        Skip to the content
      </button>
      <header className="frame__bar">
        <Link
          to="/"
          search={useKeptParams()}
          className="frame__brand"
          aria-label="Pharos, overview"
        >
          <Logo />
          <span>Pharos</span>
        </Link>
        <nav className="frame__nav" aria-label="Pages">
          {PAGES.map((item) => (
            <PageLink key={item.to} page={item} current={item === page} firing={firing} />
          ))}
        </nav>
        {VIEWS.map(({ to, command }) => (
          <ViewKey key={to} to={to} command={command} />
        ))}
        <div className="frame__spring" />
        <ActionIcon
          variant="transparent"
          onClick={() => setHelpOpen(true)}
          aria-label="Keyboard shortcuts"
          title="Keyboard shortcuts (?)"
        >
          <QuestionIcon size={16} />
        </ActionIcon>
        <SchemeMenu />
      </header>
      {unreachable && (
        <div className="frame__offline">
          <Note kind="error">
            The server does not answer. What you see is from before; Pharos keeps trying.
          </Note>
        </div>
      )}
      <Outlet />
      <HelpDialog opened={helpOpen} onClose={() => setHelpOpen(false)} />
    </>
  );
}

/** A link to #main would leave the page: <base href> makes it one to the root. */
function focusContent(): void {
  const main = document.querySelector("main");
  main?.setAttribute("tabindex", "-1");
  main?.focus();
}

function PageLink(props: {
  page: (typeof PAGES)[number];
  current: boolean;
  firing: number | undefined;
}) {
  const { page, firing } = props;
  const kept = useKeptParams();
  const navigate = useNavigate();
  useCommand(page.command, () => void navigate({ to: page.to, search: kept }));
  return (
    <Link
      to={page.to}
      search={kept}
      className="frame__link"
      aria-current={props.current ? "page" : undefined}
    >
      {page.name}{" "}
      {page.name === "Alerts" && firing !== undefined && firing > 0 && (
        <span className="frame__firing">
          {firing} <span className="visually-hidden">firing</span>
        </span>
      )}
    </Link>
  );
}

/** The keys that lead to a view from everywhere. */
function ViewKey({ to, command }: { to: View["to"]; command: View["command"] }) {
  const kept = useKeptParams();
  const navigate = useNavigate();
  useCommand(command, () => void navigate({ to, search: kept }));
  return null;
}

/** How many alerts are firing (undefined until the server has said so), and whether it still answers. */
function useFiring(): { firing: number | undefined; unreachable: boolean } {
  const api = useApi();
  const { data, error } = useQuery({
    queryKey: ["rules"],
    queryFn: ({ signal }) => api.rules(signal),
    refetchInterval: RULES_REFRESH_MS,
    refetchIntervalInBackground: true,
  });
  return {
    firing: data === undefined ? undefined : countFiring(data),
    unreachable: error instanceof ApiError && error.kind === "unreachable",
  };
}

const SCHEMES = [
  { value: "light", name: "Light", Icon: SunIcon },
  { value: "dark", name: "Dark", Icon: MoonIcon },
  { value: "auto", name: "As the system", Icon: ScreenIcon },
] as const;

function SchemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const current = SCHEMES.find(({ value }) => value === colorScheme) ?? SCHEMES[2];
  return (
    <Menu position="bottom-end" width={170}>
      <Menu.Target>
        <ActionIcon
          variant="transparent"
          aria-label={`Colours: ${current.name}`}
          title="Light or dark"
        >
          <current.Icon size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {SCHEMES.map(({ value, name, Icon }) => (
          <Menu.Item
            key={value}
            leftSection={<Icon />}
            rightSection={value === colorScheme ? <CheckIcon /> : null}
            onClick={() => setColorScheme(value)}
          >
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
