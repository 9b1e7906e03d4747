// Words, and what is made of them: account names, titles, sentences. Nothing here names a person or a company.
import { Random, streamOf } from './random.ts';

const adjectives =
  `amber azure bold brave brisk bronze calm cedar civic clever copper coral crimson dapper early eager fair fleet
  gentle golden grand green happy hazel hidden indigo ivory jade keen kind lively lucky lunar maple mellow merry misty
  nimble noble northern olive opal patient pearl polar proud quick quiet rapid rosy rustic sandy scarlet silent silver
  solar steady sunny swift tidy upper velvet violet warm wild windy winter`.split(/\s+/);

const nouns =
  `acorn anchor badger beacon birch bison brook canyon cedar comet crane creek dolphin dune eagle ember falcon fern
  finch forest fox garden glacier grove harbour hawk heron hill island lagoon lantern lark ledger lemur lily lynx
  magpie marten meadow meteor mill moth oak orchard orchid otter owl panda pebble pine planet puffin quarry rabbit
  raven reef river robin sparrow spruce stream summit swan thistle trail walnut willow wren`.split(/\s+/);

const verbs =
  'loads reads checks moves splits counts skips keeps writes sorts merges follows watches finds joins'.split(' ');

const things =
  `record file table index chunk batch column header report error cursor pool query worker stream value key backup
  snapshot schema export import upload line field team release window limit`.split(/\s+/);

const adverbs = 'quickly twice slowly again safely nightly weekly early often rarely gladly alone'.split(' ');

/** Names as they turn up in real tables: commas, apostrophes, quotes, other scripts, line breaks. */
export const unusualNames = [
  'Otter, Amber',
  "Violet O'Heron",
  'Owl & Finch, Ltd.',
  '12" Pipe Works',
  'The "Quiet" Corner',
  'Café Crème Brûlée',
  'Żółta Łódka',
  'Größe & Söhne',
  'Синяя Сова',
  '小さな狐',
  'بومة زرقاء',
  'Night Shift 🦉',
  'Front Desk\nGround Floor',
  'Orchard (North); East',
] as const;

export const tags = ['news', 'how-to', 'release', 'tips', 'data', 'étude', "what's new", 'ops', 'sql'] as const;

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** Two lower-case words, the second one a noun. */
export function wordPair(random: Random): [string, string] {
  return [random.pick(adjectives), random.pick(nouns)];
}

export function accountName(random: Random): string {
  if (random.chance(0.04)) return random.pick(unusualNames);
  const [adjective, noun] = wordPair(random);
  return `${capital(adjective)} ${capital(noun)}`;
}

export function title(random: Random): string {
  const [adjective, noun] = wordPair(random);
  return `How the ${adjective} ${noun} ${random.pick(verbs)} the ${random.pick(things)}`;
}

/** Sentences of five words each. Made once: picking whole ones is what lets a million bodies be written in seconds. */
const sentences = Array.from({ length: 4096 }, (_, index) => {
  const random = new Random(streamOf(0, 'sentences'), index);
  return `The ${random.pick(adjectives)} ${random.pick(things)} ${random.pick(verbs)} ${random.pick(adverbs)}.`;
});

/** At least `least` words, and at most four more. */
export function prose(random: Random, least: number): string {
  let text = random.pick(sentences);
  for (let count = 5; count < least; count += 5) text += ` ${random.pick(sentences)}`;
  return text;
}

/** Exactly `count` words. */
export function words(random: Random, count: number): string {
  return Array.from({ length: count }, () => random.pick(things)).join(' ');
}
