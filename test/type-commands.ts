// Types the commands of a documentation page as a reader would, one after the other, and holds what is printed against the
// page. `…` on the page stands for anything in a line; ids of jobs, hashes, times and figures of speed may differ.
import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { follow } from './service-process.ts';

const root = join(import.meta.dirname, '..');

/** Why commands cannot be typed; false when they can. */
export const withoutCurl =
  spawnSync('curl', ['-V']).error && !process.env.CI ? 'curl not installed (.ci/install-tools)' : false;

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

/** What is typed behind `$`, and what is printed then. A `console` block says so; one with another word behind that does not. */
function stepsOf(blocks: readonly Block[]): { command: string; output: string }[] {
  return blocks
    .filter(({ kind }) => kind === 'console')
    .flatMap(({ content }) => content.split(/^\$ /m).slice(1))
    .map((step) => {
      const [command = '', ...output] = step.split('\n');
      return { command, output: output.join('\n').trim() };
    });
}

/** Each with what fits in its place. */
const varying = [
  ['…', '.*'],
  ['"(?:duration_ms|rows_per_sec|bytes)":\\d+', '"\\w+":\\d+'],
  ['"request_id":"[^"]+"', '"request_id":"[^"]+"'],
  ['\\d{4}-\\d\\d-\\d\\dT[\\d:]+\\.\\d{3}Z', '\\d{4}-\\d\\d-\\d\\dT[\\d:]+\\.\\d{3}Z'],
  ['\\b[0-9a-f]{64}\\b', '[0-9a-f]{64}'],
  ['^id: \\d+', 'id: \\d+'],
] as const;
const anyVarying = new RegExp(varying.map(([written]) => `(${written})`).join('|'), 'gm');

function asPattern(output: string): RegExp {
  const literal = (text: string) => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&');
  let pattern = '';
  let done = 0;
  for (const match of output.matchAll(anyVarying)) {
    const kind = match.slice(1).findIndex((group) => group !== undefined);
    pattern += literal(output.slice(done, match.index)) + varying[kind]![1];
    done = match.index + match[0].length;
  }
  return new RegExp(`^${pattern}${literal(output.slice(done))}$`);
}

const idIn = (text: string) => /"job_id":"([^"]+)"/.exec(text)?.[1];

/**
 * Before the next command after one that started a job, its end is waited for, as whoever reads the page would.
 * @param ids of jobs: those on the page, and those that the service gave them; more are added.
 * @returns how many commands there were.
 */
export async function typeCommands(
  t: Test,
  page: string,
  { url, folder, ids = new Map<string, string>() }: { url: string; folder: string; ids?: Map<string, string> },
): Promise<number> {
  const env: Record<string, string> = { PATH: process.env.PATH ?? '' };
  const ours = (text: string) => [...ids].reduce((filled, [documented, id]) => filled.replaceAll(documented, id), text);
  const steps = stepsOf(await blocksOf(page));
  for (const { command, output } of steps) {
    const [, variable, value] = /^(\w+)=(\S+)$/.exec(command) ?? [];
    if (variable && value) {
      env[variable] = ours(value);
      continue;
    }
    const here = ours(command).replaceAll('localhost:8080', new URL(url).host);
    const { stdout } = await promisify(execFile)('sh', ['-c', here], { cwd: folder, env });
    const [documented, id] = [idIn(output), idIn(stdout)];
    const isNew = documented !== undefined && id !== undefined && !ids.has(documented);
    if (isNew) ids.set(documented, id);
    t.match(stdout.trim(), asPattern(ours(output)), `${page}: ${command}`);
    if (!isNew) continue;
    const type = command.includes('/v1/exports') ? 'exports' : 'imports';
    await follow<{ status: string }>(`${url}/v1/${type}/${id}`, ({ status }) => !/pending|processing/.test(status));
  }
  return steps.length;
}
