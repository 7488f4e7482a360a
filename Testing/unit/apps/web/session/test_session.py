import asyncio

from support.web_session import session, web_page  # noqa: F401


def test_what_goes_wrong_beside_is_said_and_what_was_given_up_is_not(session):  # noqa: F811
    async def fail():
        await asyncio.sleep(0)
        [].pop()

    async def work():
        given_up = session.start(asyncio.sleep(60))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.wait([given_up])
        assert session.panel.error == ""
        await asyncio.wait([session.start(fail())])

    asyncio.get_event_loop().run_until_complete(work())
    assert "pop from empty list" in session.panel.error
    assert "IndexError" in session.panel.details
