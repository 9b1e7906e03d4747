// Types the commands of a documentation page as a reader would, one after the other, and holds what is printed against the
// page (fits-page.ts says what may differ).
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { asPattern, remaining, withoutRepeats } from './fits-page.ts';
import type { OutputOf } from './output-of.ts';
import { runShell } from './run-shell.ts';
import { follow } from './service-process.ts';

const root = join(import.meta.dirname, '..');

/** Why commands cannot be typed; false when they can. */
export const withoutCurl =
  spawnSync('curl', ['-V']).error && !process.env.CI ? 'curl not installed (.ci/install-tools)' : false;

/** npx says nothing but what the command says. */
const quietNpm = { NO_UPDATE_NOTIFIER: '1', npm_config_update_notifier: 'false' };

export interface Block {
  /** All that stands behind the fence, such as `ts`. */
  kind: string;
  content: string;
}

/** The code blocks of a page. @param page its path in the project. */
export async function blocksOf(page: string): Promise<Block[]> {
  const markdown = await readFile(join(root, page), 'utf8');
  return [...markdown.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)].map(([, kind = '', content = '']) => ({
    kind,
    content,
  }));
}

/** How a block is typed: `console` as any reader would; the others say what happens meanwhile. */
const ways = ['console', 'console terminal', 'console held', 'console killed'] as const;

interface Step {
  /** What is typed behind `$`. */
  command: string;
  /** What is printed then. */
  output: string;
}

function stepsOf(content: string): Step[] {
  const steps = content.split(/^\$ /m).slice(1);
  return steps.map((step) => {
    const [command = '', ...output] = step.split('\n');
    return { command, output: output.join('\n').trim() };
  });
}

/** What can be done to the service meanwhile; each returns what puts an end to it. */
export interface Meanwhile {
  /** Jobs do not go on. */
  hold(): Promise<() => Promise<void>>;
  /** kill -9; then it is started again. */
  kill(): Promise<() => Promise<void>>;
}

export interface Reader {
  url: string;
  /** Where the commands are typed. */
  folder: string;
  /** Of jobs: those on the page, and those that the service gave them; more are added. */
  ids?: Map<string, string>;
  /** For pages that have such blocks. */
  meanwhile?: Meanwhile;
}

interface Job {
  status: string;
  processed?: number;
  waiting_for?: string[];
}

const idIn = (text: string) => /(?:"job_id":"|bulk errors )([0-9a-f-]{36})/.exec(text)?.[1];
const hasEnded = ({ status }: Job) => !/pending|processing/.test(status);

/**
 * Before the next command after one that started a job, its end is waited for, as whoever reads the page would; where jobs
 * are held, until it cannot go on. A command that ends with an error is followed by one that asks for its exit code.
 * @returns how many commands there were.
 */
export async function typeCommands(
  t: Test,
  page: string,
  { url, folder, ids = new Map(), meanwhile }: Reader,
): Promise<number> {
  const { host } = new URL(url);
  const env: Record<string, string> = { ...quietNpm, PATH: process.env.PATH ?? '', BULK_URL: url };
  const ours = (text: string) =>
    [...ids]
      .reduce((filled, [documented, id]) => filled.replaceAll(documented, id), text)
      .replaceAll(/\b(?:localhost|127\.0\.0\.1):8080\b/g, host);
  let typed = 0;
  for (const { kind, content } of await blocksOf(page)) {
    if (!kind.startsWith('console')) continue;
    const way = ways.find((known) => known === kind);
    if (!way) throw new Error(`${page}: nobody types a block of the kind '${kind}'`);
    const letGo = way === 'console held' ? await meanwhile!.hold() : async () => {};
    let code = 0;
    for (const { command, output } of stepsOf(content)) {
      typed += 1;
      const [, variable, value] = /^(\w+)=(\S+)$/.exec(command) ?? [];
      if (variable && value) {
        env[variable] = ours(value);
        continue;
      }
      if (code !== 0) t.equal(command, 'echo $?', `${page}: ended with ${code}, and nobody asks`);
      const running = runShell(`(exit ${code}); ${ours(command)}`, {
        cwd: folder,
        env,
        terminal: way.endsWith('terminal'),
      });
      if (way === 'console held' && command.includes('/events')) running.said('data: ').then(letGo, () => {});
      if (way === 'console killed') await killAndStart(url, running, meanwhile!);
      const { stdout, stderr, ...ended } = await running.ended;
      code = ended.code ?? -1;
      const printed = way === 'console killed' ? stderr + stdout : withoutRepeats(remaining(stdout));
      const [documented, id] = [idIn(output), idIn(printed)];
      const isNew = documented !== undefined && id !== undefined && !ids.has(documented);
      if (isNew) ids.set(documented, id);
      t.match(printed.trim(), asPattern(ours(output)), `${page}: ${command}`, { stderr });
      if (!isNew) continue;
      const cannotGoOn = ({ status, waiting_for }: Job) => status !== 'pending' || waiting_for !== undefined;
      const type = command.includes('/v1/exports') ? 'exports' : 'imports';
      await follow<Job>(`${url}/v1/${type}/${id}`, way === 'console held' ? cannotGoOn : hasEnded);
    }
    t.equal(code, 0, `${page}: ${content}`);
    await letGo();
  }
  return typed;
}

/** Kills the service in the middle of the import that a command watches, and starts it when the command has noticed. */
async function killAndStart(url: string, running: OutputOf, { kill }: Meanwhile): Promise<void> {
  let over = false;
  running.ended.then(() => (over = true));
  await follow<{ imports: Job[] }>(
    `${url}/v1/imports?status=processing`,
    ({ imports }) => over || imports.some(({ processed }) => processed! > 0),
  );
  const start = await kill();
  await running.said('no answer from');
  await start();
}
