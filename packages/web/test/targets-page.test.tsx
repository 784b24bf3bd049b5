import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { FakeServer, success } from "./fake-server.ts";
import { openPage } from "./open-page.tsx";
import { TARGETS } from "./samples.ts";

const server = () => new FakeServer().on("targets", success(TARGETS));

test("a target that is down shows its last error in full", async () => {
  await openPage("/targets", server());
  const pool = within(await screen.findByRole("region", { name: "Scrape pool web" }));
  pool.getByText("1 of 2 up");
  expect(pool.getByRole("note").textContent).toContain(
    'Get "http://10.0.0.2:80/metrics": dial tcp 10.0.0.2:80: connect: connection refused',
  );
  expect(pool.getAllByRole("row")[1]?.textContent).toContain("2s ago4ms");
});

test("the health in the URL filters the targets, and the counts stay those of all", async () => {
  const page = await openPage("/targets?health=down", server());
  expect(
    (await screen.findAllByRole("region")).map((pool) => pool.getAttribute("aria-label")),
  ).toEqual(["Scrape pool web"]);
  fireEvent.click(screen.getByRole("button", { name: "Down 1" }));
  await waitFor(() => expect(page.url()).toBe("/targets"));
  expect(await screen.findAllByRole("region")).toHaveLength(2);
});

test("the labels before relabelling are one click away", async () => {
  await openPage("/targets?q=db", server());
  fireEvent.click(await screen.findByRole("button", { name: "more" }));
  expect(screen.getByText("__meta_zone=").parentElement?.textContent).toBe("__meta_zone=a");
  screen.getByText("1 dropped by relabelling");
});
