// Files that are dragged onto the page. Left alone the browser would open one in place of the page, and an upload that is
// under way would be lost with it.

/** @param {DragEvent} event */
export const holdsFiles = ({ dataTransfer }) => dataTransfer?.types.includes('Files') === true;

for (const type of /** @type {const} */ (['dragover', 'drop'])) {
  addEventListener(type, (event) => holdsFiles(event) && event.preventDefault());
}
