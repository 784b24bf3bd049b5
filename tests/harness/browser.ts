import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { findProgram } from "./child.ts";

/** Where to keep pictures of the pages, for the documentation; nowhere in an ordinary run. */
const SCREENSHOTS = process.env["SCREENSHOTS"];

/** A Chromium that asks for nothing by itself. */
export async function openBrowser(): Promise<AsyncDisposable & { readonly instance: Browser }> {
  const instance = await chromium.launch({
    executablePath: findProgram("chromium") ?? "chromium",
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ],
  });
  return { instance, [Symbol.asyncDispose]: () => instance.close() };
}

/** A page, what complained in its console, and what it asked of others than `url`. */
export async function openPage(
  browser: Browser,
  url: string,
): Promise<{ page: Page; problems: string[]; foreign: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const problems: string[] = [];
  const foreign: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:"))
      foreign.push(request.url());
  });
  return { page, problems, foreign };
}

/** Keeps a picture of what the page shows. */
export async function shot(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  await mkdir(resolve(SCREENSHOTS), { recursive: true });
  await page.screenshot({ path: join(resolve(SCREENSHOTS), `${name}.png`) });
}
