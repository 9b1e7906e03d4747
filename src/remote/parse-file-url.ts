// A file_url, or the target of a redirect, as far as its text decides whether we go there. The URL parser has by then made
// plain addresses of decimal, octal, hexadecimal and shortened ones.
import { RemoteFault } from './remote-fault.ts';

const maxLength = 2_000;

/** @throws RemoteFault file_url_refused. */
export function parseFileUrl(text: string, base?: URL): URL {
  const url = text.length <= maxLength ? URL.parse(text, base?.href) : null;
  if (!url) throw refused(`file_url must be an absolute URL of at most ${maxLength} characters`);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw refused('file_url must begin with https:// or http://');
  if (url.username !== '' || url.password !== '') throw refused('file_url must not hold a user name or password');
  if (base?.protocol === 'https:' && url.protocol === 'http:') {
    throw refused('file_url leads from https to http, which would be read by anyone on the way');
  }
  url.hash = '';
  return url;
}

/** The last part of the path, for the file's format and for people. */
export function fileNameOf({ pathname }: URL): string {
  const last = pathname.slice(pathname.lastIndexOf('/') + 1);
  // Not every % begins an escape; one may be that of a slash, and what is before it a path.
  const name = (decodable(last) ? decodeURIComponent(last) : last).split(/[/\\]/).at(-1)!;
  return name.replace(/\p{Cc}/gu, '') || 'file';
}

function decodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function refused(why: string): RemoteFault {
  return new RemoteFault('file_url_refused', why);
}
