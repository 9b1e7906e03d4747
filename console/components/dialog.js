import { html } from 'htm/preact';
import { useEffect, useRef } from 'preact/hooks';

/**
 * A modal question: the browser keeps the focus in it and closes it with Escape.
 * @param {{ title: string, onClose: () => void, children?: any }} props
 */
export function Dialog({ title, onClose, children }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    // Taken out of the page, a dialog gives the focus back to nobody; and what opened it may be gone with it.
    return () =>
      setTimeout(() => {
        if (before instanceof HTMLElement && before.isConnected) before.focus();
        else document.querySelector('h1')?.focus();
      });
  }, []);
  return html`
    <dialog ref=${element} aria-labelledby="dialog-title" onClose=${onClose}>
      <h2 id="dialog-title">${title}</h2>
      ${children}
    </dialog>
  `;
}
